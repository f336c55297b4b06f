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
    if text.count("{") + text.count("[") > DEEPEST and _is_deeper(value, DEEPEST):
        raise _too_deep()
    return value


def _refuse_lone_surrogates(text: str, value: Json) -> None:
    # A value can hold one only by its escape, or because the text itself does.
    if "\\ud" in text or "\\uD" in text:
        json.dumps(value, ensure_ascii=False).encode()
    elif not text.isascii():
        text.encode()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEEPEST} levels deep")


def _is_deeper(value: Json, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(
            _is_deeper(inner, levels - 1) for inner in value.values() if isinstance(inner, dict | list)
        )
    if isinstance(value, list):
        return levels == 0 or any(
            _is_deeper(inner, levels - 1) for inner in value if isinstance(inner, dict | list)
        )
    return False
