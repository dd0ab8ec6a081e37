"""Attribute values as a shape reads them: compared by the shape's type, three-valued.

In: a raw value (telemetry often sends everything as strings) and a `Condition`. Out: True, False, or None where the
value can't be read as the type that the shape speaks of.
"""

import json
import re
from collections.abc import Iterable, Mapping
from operator import ge, gt, le, lt

from verifier.shape import Condition, Scalar
from verifier.spans import Value

Truth = bool | None
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
LONGEST_TEXT = 10_000
"""Patterns are only searched for in the first characters of a value: a bound on time."""


def holds(value: Value, condition: Condition | Scalar) -> Truth:
    """Whether a value fulfils a condition; an absent one (None, "") fulfils only `exists: false`."""
    if not isinstance(condition, Condition):
        condition = Condition(eq=condition)
    answers = list(_answers(value, condition))
    return False if False in answers else None if None in answers else True


def equal(value: Value, wanted: Scalar) -> Truth:
    """Whether a raw value is `wanted`, read as the type of `wanted`."""
    if isinstance(wanted, bool):
        text = str(value).lower()
        return (text == "true") == wanted if text in ("true", "false") else None
    if isinstance(wanted, int | float):
        found = number(value)
        return None if found is None else found == wanted
    return plain(value) == wanted if not isinstance(value, Mapping | tuple) else False


def number(value: Value) -> int | float | None:
    """The value as a number, None if it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        return None
    return int(text) if re.fullmatch(r"[+-]?\d+", text) and len(text) < 4000 else float(text)


def plain(value: Value) -> str:
    """A scalar as text: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def said(condition: Condition | Scalar) -> str:
    """A condition in a few words: `REGULAR`, `one of A, B`, `< 3`."""
    if not isinstance(condition, Condition):
        return plain(condition)
    signs = {"eq": "", "ne": "not ", "lt": "< ", "le": "<= ", "gt": "> ", "ge": ">= ", "matches": "something like "}
    out = [f"{sign}{plain(value)}" for name, sign in signs.items() if (value := getattr(condition, name)) is not None]
    for name, sign in (("in_", "one of "), ("not_in", "none of ")):
        if (values := getattr(condition, name)) is not None:
            out.append(sign + ", ".join(map(plain, values)))
    if condition.exists is not None:
        out.append("any value" if condition.exists else "no value")
    return " and ".join(out)


def canonical(value: Value) -> str:
    """One text for equal values, whatever type and order of keys they came in.

    Telemetry sends 3 and true as text too: "3" is 3, "False" is false. "007" and "1e5" are names, not numbers.
    """
    if isinstance(value, Mapping | tuple):
        return json.dumps(value, sort_keys=True, default=_jsonable, ensure_ascii=False)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower()
    found = number(value)
    if found is not None and (not isinstance(value, str) or value == repr(found)):
        return str(int(found)) if isinstance(found, float) and found.is_integer() else repr(found)
    return plain(value)


def _jsonable(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _answers(value: Value, c: Condition) -> list[Truth]:
    absent = value is None or value == ""
    out: list[Truth] = []
    if c.exists is not None:
        out.append(absent != c.exists)
    wants = [c.eq, c.ne, c.lt, c.le, c.gt, c.ge, c.in_, c.not_in, c.matches]
    if absent:
        return out + [False for w in wants if w is not None]
    if c.eq is not None:
        out.append(equal(value, c.eq))
    if c.ne is not None:
        out.append(_not(equal(value, c.ne)))
    if c.in_ is not None:
        out.append(_any(equal(value, w) for w in c.in_))
    if c.not_in is not None:
        out.append(_not(_any(equal(value, w) for w in c.not_in)))
    if c.matches is not None:
        out.append(re.search(c.matches, plain(value)[:LONGEST_TEXT]) is not None)
    found = number(value)
    for limit, compare in ((c.lt, lt), (c.le, le), (c.gt, gt), (c.ge, ge)):
        if limit is not None:
            out.append(None if found is None or found != found else bool(compare(found, limit)))
    return out


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _any(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return True if True in found else None if None in found else False
