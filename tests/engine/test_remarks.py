"""What is said of a run before its verdicts: counts that read well, names that were meant."""

import pytest

from verifier.engine.remarks import absent, cycles, waiting
from verifier.flows import gather
from verifier.shape import Correlation
from verifier.sketch import parse
from verifier.spans import Behind

BY = Correlation(key="b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a : one @ 0..1ms b=b1", "in these sources, which have 1 flow"),
        ("a : one @ 0..1ms b=b1\na : one @ 0..1ms b=c2", "in these sources, which have 2 flows"),
    ],
)
def test_one_flow_is_no_flows(text: str, said: str) -> None:
    """Counts agree with their nouns."""
    sketch = parse(text)
    assert said in absent(gather(sketch.spans, sketch.records, correlation=BY), "b", "zzz")


@pytest.mark.parametrize(
    ("number", "said"), [(0, []), (1, "1 span is its own ancestor"), (2, "2 spans are their own ancestors")]
)
def test_one_span_is_its_own_ancestor(number: int, said: str | list[str]) -> None:
    """As above, for a cycle."""
    from dataclasses import replace

    sketch = parse("a : one @ 0..1ms b=b1\n  a : two @ 0..1ms b=b1")
    one, two = sketch.spans
    spans = [one, two, replace(one, parent_span_id=one.span_id), replace(one, parent_span_id=two.span_id)]
    chosen = {0: spans[:2], 1: [spans[2]], 2: [spans[3], two]}[number]
    found = cycles(gather(chosen, (), correlation=BY))
    assert found == said or found[0].startswith(str(said))


def test_what_groups_have_not_passed_is_told_in_a_line_each() -> None:
    """The first few records by their place; the first few groups."""
    some = [Behind(group="g", topic="t", partition=n, offsets=(4, 5)) for n in range(3)]
    (line,) = waiting(some)
    assert (
        line
        == "group g has not passed 6 records of t (partition:offset 0:4, 0:5, 1:4, 1:5, …): perhaps not handled yet"
    )
    many = waiting([Behind(group=f"g{n:02}", topic="t", partition=0, offsets=(0,)) for n in range(20)])
    assert len(many) == 9
    assert many[0] == "group g00 has not passed 1 record of t (partition:offset 0:0): perhaps not handled yet"
    assert many[-1] == "and 12 more such groups and topics"
    assert waiting([]) == []
