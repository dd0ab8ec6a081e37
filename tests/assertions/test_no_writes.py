"""What no sketch can draw of `no_writes`: statements of any length, spans that are one another's parents."""

from dataclasses import replace

from verifier.assertions.no_writes import LONGEST, _subtree, written_by
from verifier.sketch import parse
from verifier.spans import Observation


def test_statement_of_the_longest_length_is_read_and_a_longer_one_is_not() -> None:
    """The bound is included; what is not read may write."""
    text = "SELECT 1" + " " * (LONGEST - 8)
    assert written_by(text, "postgres") == ((), None)
    assert written_by(text + " ", "postgres") == ((), "the statement is too long to be read")


def test_spans_that_are_one_anothers_parents_are_walked_once() -> None:
    """Telemetry may say so; the walk ends."""
    one, two = parse("a : one @ 0..9ms\n  a : two @ 1..2ms").spans
    one = replace(one, parent_span_id=two.span_id)
    below = {one.id: [two], two.id: [one]}
    walk = _subtree(Observation(row=one), below)
    assert [span.name for span, _ in zip(walk, range(3), strict=False)] == ["one", "two"]
