"""What a run is asked, as text that people write: moments, durations, expected flows, clock jumps.

In: the text of an option. Out: what it means, in nanoseconds and typed data. What can't be read is a UsageError that
says what was given and what was expected.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from verifier.clock import Interval, Jump
from verifier.errors import UsageError
from verifier.shape import Scalar, duration_ns

_AN_OUTAGE = "{from = 2026-11-22T22:00:00Z, to = 2026-11-22T22:05:00Z}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A flow that must be there, with facts known from outside."""

    name: str
    key: str
    facts: Mapping[str, Scalar] = field(default_factory=dict)


def parse_expect(text: str) -> Expected:
    """`order_id=X,paid_by=CARD`: the key first, then facts; UsageError else."""
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not name.strip() or not sep or not value.strip() for name, sep, value in pairs):
        raise UsageError(f"--expect {text}: expected KEY=VALUE,FACT=VALUE…, e.g. order_id=o1,paid_by=CARD")
    (name, _, key), *facts = ((n.strip(), s, v.strip()) for n, s, v in pairs)
    return Expected(name=name, key=key, facts={n: v for n, _, v in facts})


def parse_at(text: str, last_ns: int) -> int:
    """`end`, `+26h` after the last observation, or an ISO 8601 time; UsageError else."""
    if text == "end":
        return last_ns
    if text.startswith("+"):
        return last_ns + parse_duration(text[1:], "--at")
    return _time(text, f"--at {text}: expected end, +26h, or a time like 2026-11-22T22:05:00Z")


def parse_jump(text: str, number: int = 0) -> Jump:
    """`25h@2026-11-22T22:05:00Z`; UsageError else."""
    by, sep, at = text.partition("@")
    if not sep:
        raise UsageError(f"--clock-jump {text}: expected HOW_FAR@WHEN, e.g. 25h@2026-11-22T22:05:00Z")
    how_far = parse_duration(by, "--clock-jump")
    when = _time(at, f"--clock-jump {text}: '{at}' is no time; expected e.g. 2026-11-22T22:05:00Z")
    return Jump(id=f"--clock-jump {number}", at=Interval(when, when), by=Interval(how_far, how_far))


def parse_outages(given: object, where: str = "outages") -> tuple[Interval, ...]:
    """`[{from = 2026-11-22T22:00:00Z, to = 2026-11-22T22:05:00Z}]`, merged and sorted; UsageError else.

    A moment is text or a datetime; without a time zone it is in UTC.
    """
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in given):
        raise UsageError(f"{where}: expected a list of tables, e.g. [{_AN_OUTAGE}]")
    found: list[Interval] = []
    for n, one in enumerate(given, 1):
        here = f"{where}, number {n}"
        if set(one) != {"from", "to"}:
            keys = ", ".join(sorted(map(str, one))) or "nothing"
            raise UsageError(f"{here}: it has {keys}; expected from and to, e.g. {_AN_OUTAGE}")
        begin, end = (_moment(one[key], f"{here}: {key} = {one[key]}") for key in ("from", "to"))
        if begin >= end:
            raise UsageError(f"{here}: it ends at {one['to']}, which is not after its beginning, {one['from']}")
        found.append(Interval(begin, end))
    merged: list[Interval] = []
    for outage in sorted(found, key=lambda o: (o.lo, o.hi)):
        if merged and outage.lo <= merged[-1].hi:
            merged[-1] = Interval(merged[-1].lo, max(merged[-1].hi, outage.hi))
        else:
            merged.append(outage)
    return tuple(merged)


def _moment(value: object, what: str) -> int:
    problem = f"{what} is no time; expected e.g. 2026-11-22T22:05:00Z"
    if isinstance(value, datetime):
        return _time(value.isoformat(), problem)
    if not isinstance(value, str):
        raise UsageError(problem)
    return _time(value, problem)


def _time(text: str, problem: str) -> int:
    match = re.fullmatch(r"(.*?:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?", text.strip())
    try:
        moment = datetime.fromisoformat((match[1] if match else text.strip()) + ((match[3] or "") if match else ""))
    except ValueError as error:
        raise UsageError(problem) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    fraction = int((match[2] or "0").ljust(9, "0")) if match else 0
    return int(moment.timestamp()) * 10**9 + fraction


def parse_duration(text: str, option: str) -> int:
    """Nanoseconds of a duration; UsageError else, naming the option."""
    found = duration_ns(text)
    if found is None:
        raise UsageError(f"{option}: '{text}' is no duration; expected e.g. 5m, 1.5s, 250ms, 26h")
    return found
