"""Bounds between two points in words: how long, how long at most, how much of it doesn't count.

In: findings and intervals as data. Out: fragments of sentences.
"""

from verifier.clock import Interval
from verifier.verdict import Early, Late
from verifier.wording.hops import pointed
from verifier.wording.text import between, duration


def came(finding: Late | Early) -> str:
    """That a point came."""
    return f"{pointed(finding.then)} came"


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
