"""JSON as its standard has it (RFC 8259), and no deeper than anything that Twilio sends.

Python's reader also takes NaN, Infinity, numbers too large for a float and halves of surrogate pairs.
None of them could be written to the database or to a report again.
"""

from __future__ import annotations

import json
from typing import Any

Json = Any
DEEPEST = 50
"""A Service resource is four levels deep on its list page; who recurses over a value may rely on this bound."""


def loads(text: str) -> Json:
    """Return the value that a JSON text stands for.

    Raises:
        json.JSONDecodeError: it is not JSON; tells the line and column.
        ValueError: it is not JSON by the standard, or nested deeper than `DEEPEST`.
    """
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError:
        raise
    except UnicodeEncodeError as error:
        raise ValueError("a string in it holds half a surrogate pair") from error
    except ValueError as error:
        raise ValueError("it holds NaN, Infinity or a number that is too long") from error
    except RecursionError as error:
        raise _too_deep() from error
    if _is_deeper(value, DEEPEST):
        raise _too_deep()
    return value


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEEPEST} levels deep")


def _is_deeper(value: Json, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in value)
    return False
