"""Bounds between two points in words: how long, how long at most, how much of it doesn't count.

In: findings and intervals as data. Out: fragments of sentences.
"""

from verifier.clock import INFINITY_NS, Interval
from verifier.verdict import Early, Late
from verifier.wording.hops import pointed
from verifier.wording.text import between, duration

EVEN_NS = 1_000_000
"""To how much times of more than a second are rounded in a title."""


def came(finding: Late | Early) -> str:
    """That a point came."""
    return f"{pointed(finding.then)} came"


def about(finding: Late | Early) -> str:
    """How long it took, to the millisecond where that is enough to see that it is more or less than the limit."""
    took = finding.took
    even = Interval(_even(took.lo), _even(took.hi))
    return between(even if _told(even, finding.limit_ns) == _told(took, finding.limit_ns) else took)


def _told(took: Interval, limit_ns: int) -> tuple[bool, ...]:
    """What can be seen of a time: on which side of the limit it is, and whether it is exact."""
    sides = (took.lo > limit_ns, took.lo < limit_ns, took.hi > limit_ns, took.hi < limit_ns)
    return (*sides, took.lo == took.hi)


def _even(ns: int) -> int:
    return ns if abs(ns) < 10**9 or abs(ns) >= INFINITY_NS // 2 else (ns + EVEN_NS // 2) // EVEN_NS * EVEN_NS


def limit(finding: Late | Early) -> str:
    """The limit, in words."""
    return f"{'not before' if isinstance(finding, Early) else 'within'} {duration(finding.limit_ns)}"


def bound(finding: Late | Early) -> str:
    """That a point came as soon or as late as it should."""
    if isinstance(finding, Early):
        return f"{came(finding)} no sooner than {duration(finding.limit_ns)} after {pointed(finding.first)}"
    return f"{came(finding)} within {duration(finding.limit_ns)} of {pointed(finding.first)}"


def jumped(jumped: Interval | None) -> str:
    """How much of a time the test clock was advanced."""
    if jumped is None or jumped.hi == 0:
        return ""
    return f", of it {between(jumped)} advanced by the test clock"


def stopped(stopped: Interval | None) -> str:
    """How much of a time an outage took away."""
    if stopped is None or stopped.hi == 0:
        return ""
    return f", without {between(stopped)} of a declared outage"
