"""Where a context was lost, in words; and points of a rule.

In: a `Detached` finding as data, a point as it is written in a rule. Out: fragments of sentences.
"""

from verifier.shape import split_point
from verifier.verdict import Detached
from verifier.wording.text import clean, listed


def pointed(point: str) -> str:
    """`confirmed`, `the end of confirmed`."""
    return f"the {point}" if split_point(point)[1] != point else point


def title(finding: Detached) -> str:
    """Who doesn't descend from whom, and where the context was lost."""
    skipped = finding.lacks != finding.first
    by = f" by way of {finding.lacks}" if skipped else ""
    path = f"{pointed(finding.then)} descends from {pointed(finding.first)}{by}"
    if finding.certain and finding.how == "skipped":
        return f"{pointed(finding.then)} descends from {pointed(finding.first)}, but not by way of {finding.lacks}"
    lost = f"{_hop(finding)} {_broke_off(finding)}"
    if not finding.certain:
        return f"whether {path} can't be told: {clean(finding.doubt) if finding.doubt else lost}"
    return f"{path.replace(' descends ', ' does not descend ', 1)}: {lost}"


def expected(finding: Detached) -> str:
    """The path that there should be."""
    by = f" by way of {listed(finding.through)}" if finding.through else ""
    return f"a path of parents, links and messages from {pointed(finding.first)} to {pointed(finding.then)}{by}"


def seen(finding: Detached) -> str:
    """The path that there is."""
    if finding.how == "skipped":
        return f"a path from {pointed(finding.first)} that passes no {finding.lacks}"
    return f"{_hop(finding)} {_broke_off(finding)}"


def _hop(finding: Detached) -> str:
    """Where the context was lost: who, what, and of which topic."""
    of = f" of {clean(finding.topic)}" if finding.topic and finding.topic not in (finding.hop or "") else ""
    return f"{clean(finding.service or 'somebody')} {clean(finding.hop or finding.then)}{of}"


def _broke_off(finding: Detached) -> str:
    """How the path upwards ends there."""
    match finding.how:
        case "orphan":
            return "names a cause that was not seen"
        case "foreign":
            return "was caused by an observation of another flow"
        case "forwarded":
            return f"took the context of a message to {clean(finding.sent_to or 'another topic')}"
        case "message":
            return "handled a message that was not seen"
        case "unclear":
            return "may have one of several causes"
    return "begins a trace of its own"
