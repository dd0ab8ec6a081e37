"""Scopes: where a rule applies, and what the scope's own bounds make of what it finds."""

from typing import Any

import pytest

from tests.judging import judge_example
from verifier.assertions import Example
from verifier.shape import AttributeName, Machine, MovesBy, Step, StepName

THREE = "a : one @ 0..1ms\na : two @ 10..11ms\na : one @ 20..21ms"
DOOR = Machine(
    moves_by=MovesBy(step=StepName("move"), from_=AttributeName("from"), to=AttributeName("to")),
    initial="new",
    final=("done",),
    moves={"new": ("open",), "open": ("done",)},
)


def verdict(kind: str, sketch: str, *, assume: str = "complete", at: str = "end", **parameters: Any) -> str:
    """The verdict of a rule of this kind on a sketch."""
    steps = {"move": Step(event="move"), "sent": Step(record="t")}
    machines = {"door": DOOR}
    example = Example(
        verdict="", sketch=sketch, parameters=parameters, assume=assume, at=at, steps=steps, machines=machines
    )
    return judge_example(kind, example).verdict.value


@pytest.mark.parametrize(
    ("kind", "scope", "expected"),
    [
        ("never", {"step": "one", "after": "two"}, "violated"),
        ("never", {"step": "two", "after": "one"}, "violated"),
        ("never", {"step": "one", "before": "one"}, "satisfied"),
        ("never", {"step": "two", "before": "two"}, "satisfied"),
        ("never", {"step": "two", "between": ("one", "one")}, "violated"),
        ("never", {"step": "one", "between": ("one", "two")}, "satisfied"),
        ("never", {"step": "one", "after": "three"}, "vacuous"),
        ("never", {"step": "one", "before": "three"}, "vacuous"),
        ("never", {"step": "one", "between": ("two", "three")}, "vacuous"),
        ("never", {"step": "one", "between": ("three", "two")}, "vacuous"),
        ("occurs", {"step": "one", "times": 1, "after": "two"}, "satisfied"),
        ("occurs", {"step": "one", "times": 1, "before": "two"}, "satisfied"),
        ("occurs", {"step": "one", "times": 2, "before": "two"}, "violated"),
        ("occurs", {"step": "two", "times": 1, "between": ("one", "one")}, "satisfied"),
        ("precedes", {"first": "one", "then": "two"}, "satisfied"),
        ("precedes", {"first": "two", "then": "one", "after": "two"}, "violated"),
        ("leads_to", {"step": "one", "then": "two", "before": "two"}, "violated"),
        ("leads_to", {"step": "one", "then": "two", "after": "two"}, "violated"),
        ("leads_to", {"step": "two", "then": "one", "after": "one"}, "satisfied"),
        ("sequence", {"steps": ("one", "two", "one")}, "satisfied"),
        ("sequence", {"steps": ("one", "two"), "after": "two"}, "violated"),
        ("sequence", {"steps": ("two", "one"), "after": "one"}, "satisfied"),
        ("has", {"step": "one", "where": {"n": 1}, "between": ("one", "two")}, "vacuous"),
        ("has", {"step": "one", "where": {"n": 1}, "after": "two"}, "violated"),
    ],
)
def test_a_rule_sees_what_is_in_its_scope_and_nothing_else(kind: str, scope: dict[str, Any], expected: str) -> None:
    """`one` at 0, `two` at 10, `one` at 20 ms: after any, before the first, between two; never entered is vacuous."""
    assert verdict(kind, THREE, **scope) == expected


def test_points_of_a_scope_may_be_ends() -> None:
    """After the end of a long step is later than after its start."""
    text = "a : one @ 0..15ms\na : two @ 10..11ms"
    assert verdict("never", text, step="two", after="one") == "violated"
    assert verdict("never", text, step="two", after="end of one") == "satisfied"


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("never", {"step": "two", "after": "one"}),
        ("never", {"step": "two", "before": "one"}),
        ("no_errors", {"after": "one"}),
        ("no_errors", {"before": "one"}),
        ("propagates", {"attribute": "code", "after": "one"}),
    ],
)
def test_what_may_be_in_scope_is_neither_in_it_nor_out_of_it(kind: str, parameters: dict[str, Any]) -> None:
    """On another clock, 2 ms apart: whether it happened in the scope can't be told."""
    text = "a : one @ 6..7ms\nb : two ! @ 8ms code=X\nc : three @ 90..91ms code=Y\na : zero @ 0..1ms code=Y"
    if kind == "never":
        text = text.replace("two !", "two")
    assert verdict(kind, text, **parameters) == "inconclusive"


def test_a_scope_that_may_be_lost_is_not_vacuous() -> None:
    """Nothing was seen of it, but that proves nothing where spans may be lost."""
    assert verdict("never", "a : two @ 0..1ms", step="two", after="one", assume="lossy") == "inconclusive"


def test_what_was_seen_in_a_scope_is_sure_whatever_is_lost() -> None:
    """An earlier beginning of the scope would not take it back; an earlier end might."""
    text = "a : one @ 0..1ms\na : two @ 10..11ms\na : end @ 20..21ms"
    assert verdict("never", text, step="two", after="one", assume="lossy") == "violated"
    assert verdict("never", text, step="two", before="end", assume="lossy") == "inconclusive"
    assert verdict("never", text, step="two", between=("one", "end"), assume="lossy") == "inconclusive"


def test_a_move_that_lacks_the_one_before_is_not_sure_where_the_scope_may_begin_earlier() -> None:
    """The record that opens the scope may be lost; with it the first move would count."""
    text = "a : x @ 0..99ms\n  * move @ 10ms from=new to=open\n  * move @ 50ms from=open to=done\n[t 0:1] @ 30ms"
    assert verdict("conforms", text, machine="door", after="sent") == "violated"
    assert verdict("conforms", text, machine="door", after="sent", assume="records=lossy") == "inconclusive"
    assert (
        verdict("conforms", text.replace("to=done", "to=new"), machine="door", after="sent", assume="lossy")
        == "violated"
    )


def test_a_scope_that_has_ended_is_judged_though_the_flow_goes_on() -> None:
    """What is missing before a point that was seen can't come any more."""
    example = Example(
        verdict="",
        sketch="a : two @ 10..15ms",
        parameters={"step": "one", "times": 1, "before": "two"},
        ends=("end",),
    )
    assert judge_example("occurs", example).verdict == "violated"


def test_each_segment_is_judged_and_the_worst_counts() -> None:
    """The second time it is missing."""
    text = "a : p @ 0..1ms\na : one @ 2..3ms\na : q @ 4..5ms\na : p @ 6..7ms\na : q @ 8..9ms"
    assert verdict("occurs", text, step="one", times=">=1", between=("p", "q")) == "violated"
    assert (
        verdict("occurs", text.replace("q @ 8", "one @ 7..8ms\na : q @ 8"), step="one", times=">=1", between=("p", "q"))
        == "satisfied"
    )


def test_a_segment_whose_order_can_t_be_told_is_inconclusive() -> None:
    """Whether q came after p."""
    text = "a : p @ 0..1ms\nb : q @ 2..3ms"
    assert verdict("never", text, step="one", between=("p", "q")) == "inconclusive"
