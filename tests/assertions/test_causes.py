"""What no hand-drawn flow can hold of `causes`: causes in another flow, spans whose events were dropped."""

from dataclasses import replace

import pytest

from verifier.run import check
from verifier.sketch import parse
from verifier.spans import Reading
from verifier.specfile import loads
from verifier.verdict import Detached, Judged

SHAPE = """
shape: orders
flow: {key: flow}
steps: {order: {span: order}, paid: {event: paid}, pack: {span: pack}, ship: {span: ship}}
assertions:
- causes: {step: STEP, then: ship, through: [THROUGH]}
"""


def found(sketch: str, step: str = "order", through: str = "", *, dropped: str = "") -> Judged:
    """What is found in flow 1 of a sketch, if an event of each span of that name was dropped."""
    spans = tuple(replace(s, dropped_events=1) if s.name == dropped else s for s in parse(sketch).spans)
    shape = loads(SHAPE.replace("STEP", step).replace("THROUGH", through))
    (judged,) = check([shape], spans=Reading(url="s", spans=spans)).flow("1").assertions[0].findings
    return judged


@pytest.mark.parametrize(
    ("sketch", "how"),
    [
        ("a : order @ 0..9ms flow=2\n  a : ship @ 1..2ms flow=1", "foreign"),
        ("^ a : ship @ 1..2ms flow=1", "orphan"),
        ("a : order @ 0..9ms flow=2\n  a : other @ 1..2ms flow=1\n^ a : ship @ 1..2ms flow=1", "orphan"),
        ("&o a : order @ 0..9ms flow=2\n^ a : ship @ 1..2ms flow=1\n  ~> o", "orphan"),
        ("&o a : order @ 0..9ms flow=2\na : order @ 0..9ms flow=3\n  a : ship @ 1..2ms flow=1\n    ~> o", "foreign"),
        ("&o a : order @ 0..9ms flow=3\na : order @ 0..9ms flow=2\n  a : ship @ 1..2ms flow=1\n    ~> o", "foreign"),
    ],
)
def test_a_parent_that_is_not_the_flows_own_is_in_another_flow_or_was_not_seen(sketch: str, how: str) -> None:
    """Only a parent that another flow has is foreign; what else leads there, or from elsewhere, says nothing of it."""
    finding = found(sketch).finding
    assert isinstance(finding, Detached)
    assert finding.how == how


@pytest.mark.parametrize(
    ("step", "through", "dropped", "verdict"),
    [
        ("paid", "", "", "violated"),
        ("paid", "", "order", "inconclusive"),
        ("paid", "", "other", "violated"),
        ("order", "paid", "order", "inconclusive"),
        ("order", "paid, pack", "order", "inconclusive"),
        ("pack", "", "order", "violated"),
        ("order", "paid, order", "", "violated"),
    ],
)
def test_an_event_that_was_dropped_may_be_the_cause(step: str, through: str, dropped: str, verdict: str) -> None:
    """Where the step is an event, and of spans that lead to it; of other steps none was dropped."""
    rows = [
        "a : order @ 0..9s flow=1",
        "  a : call @ 1..9s flow=1",
        "    a : ship @ 2s flow=1",
        "a : other @ 0s flow=1",
    ]
    if "pack" in through:
        rows[1] = rows[1].replace("call", "pack")
    judged = found("\n".join(rows), step, through, dropped=dropped)
    assert (judged.finding.word, judged.verdict) == ("detached", verdict)
