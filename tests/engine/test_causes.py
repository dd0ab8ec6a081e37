"""The cause that is named first: what the evidence tells of itself, before what is only guessed."""

from typing import Any

from tests.judging import case_of
from verifier.assertions import Example, kinds
from verifier.diagnosis import Cause
from verifier.engine.diagnose import diagnose
from verifier.shape import AttributeName, Step
from verifier.wording import cause as said

BY_UP = {"sent": Step(record="t", identity=(AttributeName("data.up"),))}
BY_DATA = {"sent": Step(record="t", identity=(AttributeName("data"),))}


def first(kind: str, sketch: str, of: dict[str, Step] | None = None, **parameters: Any) -> Cause | None:
    """The first cause that is named of a flow that breaks a rule."""
    rule = kinds()[kind](**parameters)
    example = Example(verdict="violated", sketch=sketch, steps=of or {}, at="+1h")
    told = diagnose(case_of(rule, example)).diagnosis
    assert told is not None
    return told.causes[0] if told.causes else None


def test_two_messages_that_say_one_identity_are_both_named() -> None:
    """Which of the two says it wrongly nobody can tell."""
    text = "[t 0:1] @ 0..1ms data.up=x data.n=1\n[t 0:2] @ 20..21ms data.up=x data.n=2"
    cause = first("occurs", text, BY_UP, step="sent", times=2)
    assert cause is not None
    assert (cause.sort, cause.as_one) == ("changed", True)
    (edit,) = cause.edits
    assert edit.of is not None
    assert edit.other is not None
    assert {edit.of.row.id[2], edit.other.row.id[2]} == {1, 2}
    assert said(cause).endswith("are different messages, but both say data.up=x, so they count as one")


def test_a_message_that_was_published_again_is_not_taken_for_another() -> None:
    """It says the same in all else too: the second one is missing."""
    text = "[t 0:1] @ 0..1ms data.up=x data.n=1\n[t 0:2] @ 20..21ms data.up=x data.n=1"
    cause = first("occurs", text, BY_UP, step="sent", times=2)
    assert cause is not None
    assert cause.sort == "missing"


def test_two_that_differ_in_one_value_are_both_named() -> None:
    """What differs makes them two."""
    text = "[t 0:1] @ 0..1ms data.up=x data.n=1 data.m=1\n[t 0:2] @ 20..21ms data.up=x data.n=1"
    cause = first("occurs", text, BY_DATA, step="sent", times=1)
    assert cause is not None
    assert (cause.sort, cause.as_one) == ("changed", False)
    assert said(cause).endswith("are the same but for data.m (one says 1, the other nothing), so they count as two")


def test_two_that_differ_in_much_are_two() -> None:
    """One of them is one too many."""
    text = "[t 0:1] @ 0..1ms data.up=x data.n=1\n[t 0:2] @ 20..21ms data.up=y data.n=2"
    cause = first("occurs", text, BY_DATA, step="sent", times=1)
    assert cause is not None
    assert cause.sort == "extra"


def test_what_began_after_its_own_effect_came_late() -> None:
    """No cause comes after what it led to."""
    cause = first("sequence", "a : one @ 20..21s\n  a : two @ 1..2s\na : three @ 3..4s", steps=("one", "three"))
    assert cause is not None
    assert cause.step == "one"
    assert cause.sort in ("moved", "paused")


def test_a_block_that_came_last_may_belong_before_all() -> None:
    """Both that came ten minutes late came with each other."""
    text = "a : three @ 1..2s\na : four @ 3..4s\na : one @ 600..601s\na : two @ 602..603s"
    cause = first("sequence", text, steps=("one", "two", "three", "four"))
    assert cause is not None
    assert (cause.sort, cause.step, len(cause.edits)) == ("paused", "one", 2)


def test_a_wait_as_long_as_others_is_no_pause() -> None:
    """Two that came in the wrong order, a second apart, where everything takes a second."""
    text = "a : one @ 0..0.1s\na : three @ 1..1.1s\na : two @ 2..2.1s\na : four @ 5..5.1s"
    cause = first("sequence", text, steps=("one", "two", "three", "four"))
    assert cause is not None
    assert cause.sort == "swapped"
