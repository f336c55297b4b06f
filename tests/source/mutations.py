"""Damage to saved files: what happens to them on disks, in editors and in scripts, by a seed."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from shapes import Sample

Json = Any
RAW = "@@RAW:"
DOUBLE = "@@DOUBLE"


@dataclass
class Damage:
    """What was done to a file.

    Attributes:
        written: values that were written into it; reading one of them is right.
        dropped: keys that were removed, at whatever level.
        renamed: new names of keys, with the old ones.
        elements: strings that were cut out of lists.
        is_in_values: whether any value may have been changed, so that nothing can be said of the values.
    """

    written: list[Json] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    elements: set[str] = field(default_factory=set)
    is_in_values: bool = False


def damaged(sample: Sample, random: Random) -> tuple[bytes, Damage]:
    """Damage a file in one to three ways: its JSON first, then its text, then its bytes."""
    documents, damage = deepcopy(sample.documents), Damage()
    ways = random.choice((1, 1, 2, 3))
    for _ in range(ways if random.random() < 0.75 else 0):
        holders = list(_containers(documents))
        if not holders:
            break
        random.choice(_TO_JSON)(random.choice(holders), random, damage)
    text = _raw(sample.to_text(documents))
    content = text.encode("utf-8", "surrogatepass")
    if content and not damage.written and not damage.dropped:
        content = random.choice(_TO_BYTES)(content, random, damage)
    return content, damage


def _raw(text: str) -> str:
    """Write as it stands what JSON's writer would not write."""
    for token in ("1e999", "NaN", "-Infinity", "9" * 5000, "1e400", "-0", "1E2"):
        text = text.replace(f'"{RAW}{token}"', token)
    return text.replace(DOUBLE, "")


def _containers(value: Json) -> Iterator[Json]:
    if isinstance(value, (dict, list)) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _containers(inner)


def _slot(holder: Json, random: Random) -> Any:
    return random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))


def _write(holder: Json, slot: Any, value: Json, damage: Damage) -> None:
    holder[slot] = value
    damage.written.extend((value, holder) if isinstance(holder, list) else (value,))


def _retype(holder: Json, random: Random, damage: Damage) -> None:
    slot = _slot(holder, random)
    old = holder[slot]
    as_text = json.dumps(old) if not isinstance(old, str) else old
    others = [as_text, [old], {"value": old}, None, True, 0, 1.5, "true", "", [], {}, "100", "\ud83d", [None]]
    _write(holder, slot, random.choice(others), damage)


def _huge(holder: Json, random: Random, damage: Damage) -> None:
    tokens = ("1e999", "NaN", "-Infinity", "9" * 5000, "1e400", "-0", "1E2")
    number = random.choice((*(RAW + token for token in tokens), 10**400, -(2**63)))
    _write(holder, _slot(holder, random), number, damage)
    damage.written.extend((0, 100))


def _nest(holder: Json, random: Random, damage: Damage) -> None:
    slot = _slot(holder, random)
    for _ in range(random.choice((1, 2, 30, 60))):
        holder[slot] = [holder[slot]] if random.random() < 0.5 else {"a": holder[slot]}
    _write(holder, slot, holder[slot], damage)


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _rename(holder: Json, random: Random, damage: Damage) -> None:
    if isinstance(holder, dict):
        old = _slot(holder, random)
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in old)
        new = random.choice((_camel(old), snake, old.upper(), old + "s", old[:-1], f" {old}", ""))
        if new not in holder:
            entries = [(new if key == old else key, value) for key, value in holder.items()]
            holder.clear()
            holder.update(entries)
            damage.renamed[new] = damage.renamed.get(old, old)


def _double(holder: Json, random: Random, damage: Damage) -> None:
    if isinstance(holder, dict):
        key = _slot(holder, random)
        holder[key + DOUBLE] = random.choice((holder[key], "other", None))


def _drop(holder: Json, random: Random, damage: Damage) -> None:
    slot = _slot(holder, random)
    holder.pop(slot)
    if isinstance(slot, str):
        damage.dropped |= {slot, damage.renamed.get(slot, slot)}
    else:
        damage.written.append(holder)


def _reorder(holder: Json, random: Random, damage: Damage) -> None:
    if isinstance(holder, dict):
        entries = list(holder.items())
        random.shuffle(entries)
        holder.clear()
        holder.update(entries)
    else:
        random.shuffle(holder)


def _repeat(holder: Json, random: Random, damage: Damage) -> None:
    if isinstance(holder, list):
        holder.append(deepcopy(random.choice(holder)))
        damage.written.append(holder)


_TO_JSON: tuple[Callable[[Json, Random, Damage], None], ...] = (
    *(_retype, _retype, _huge, _nest, _rename, _rename),
    *(_double, _drop, _drop, _reorder, _repeat),
)


def _cut(content: bytes, random: Random, damage: Damage) -> bytes:
    return content[: random.randrange(len(content))]


def _cut_out(content: bytes, random: Random, damage: Damage) -> bytes:
    lines = content.splitlines(keepends=True)
    line = lines.pop(random.randrange(len(lines))).decode()
    if key := re.match(r' *"(\w+)":', line):
        damage.dropped.add(key[1])
    elif element := re.match(r' *"(\w+)",?$', line):
        damage.elements.add(element[1])
    return b"".join(lines)


def _insert(content: bytes, random: Random, damage: Damage) -> bytes:
    damage.is_in_values = True
    at = random.randrange(len(content))
    junk = random.choice(
        (b"\0", b"\xff", b"\xc3", b"<", b"}", b"]", b'"', b"\\", b"\n", b",", b"\xef\xbb\xbf")
    )
    return content[:at] + junk + content[at:]


def _encode(content: bytes, random: Random, damage: Damage) -> bytes:
    name = random.choice(
        ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32", "latin-1", "cp037", "shift-jis")
    )
    damage.is_in_values = not name.startswith("utf")
    return content.decode().encode(name, "replace")


def _pack(content: bytes, random: Random, damage: Damage) -> bytes:
    packed = gzip.compress(content)
    return packed if random.random() < 0.3 else _cut(packed, random, damage)


_TO_BYTES: tuple[Callable[[bytes, Random, Damage], bytes], ...] = (
    _cut,
    _cut,
    _cut_out,
    _insert,
    _encode,
    _pack,
)
