"""JSON as its standard has it (RFC 8259), and no deeper than anything that Twilio sends.

Python's reader also takes NaN, Infinity, numbers too large for a float and lone surrogates.
None of them could be written to the database or to a report again.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

Json = Any
DEEPEST = 50
"""A Service resource is four levels deep on its list page; who recurses over a value may rely on this bound."""


def loads(text: str) -> Json:
    """Return the value that a JSON text stands for.

    Raises:
        json.JSONDecodeError: it is not JSON; tells the line and column.
        ValueError: it is not JSON by the standard, or nested deeper than `DEEPEST`.
    """
    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM", text, 0)
    try:
        value = _DECODER.decode(text)
        _refuse_lone_surrogates(text, value)
    except json.JSONDecodeError:
        raise
    except UnicodeEncodeError as error:
        raise ValueError("a string in it holds a lone surrogate") from error
    except ValueError as error:
        raise ValueError("it holds NaN, Infinity or a number that is too long") from error
    except RecursionError as error:
        raise _too_deep() from error
    # Fewer brackets than levels need not be counted one by one.
    if text.count("{") + text.count("[") > DEEPEST and is_deeper(value):
        raise _too_deep()
    return value


def _refuse_lone_surrogates(text: str, value: Json) -> None:
    # A value can hold one only by its escape, or because the text itself does.
    if "\\ud" in text or "\\uD" in text:
        json.dumps(value, ensure_ascii=False).encode()
    elif not text.isascii():
        text.encode()


def no_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, for a decoder."""
    raise ValueError(f"holds {name}, which is no JSON")


def finite(digits: str) -> float:
    """Return a number, for a decoder; refuse one that is too large."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"holds a number that is too large: {digits[:30]}")
    return number


def is_deeper(value: Json) -> bool:
    """Whether a value is nested deeper than `DEEPEST`; without recursion, because it may be nested without end."""
    layer = [value]
    for _ in range(DEEPEST):
        members = (each.values() if isinstance(each, dict) else each for each in layer)
        layer = [inner for each in members for inner in each if isinstance(inner, dict | list)]
        if not layer:
            return False
    return True


_DECODER = json.JSONDecoder(parse_constant=no_constant, parse_float=finite)


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEEPEST} levels deep")
