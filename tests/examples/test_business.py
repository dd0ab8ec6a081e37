"""The small rules of the reference system, one by one: names, statuses, the business clock."""

import asyncio
from datetime import timedelta

import pytest

from tests.examples.needs import needs_phase1

needs_phase1()

from examples.phase1.clock import Clock  # noqa: E402  only where its extra is installed
from examples.phase1.matching import suggestions  # noqa: E402
from examples.phase1.statuses import Status, may_move  # noqa: E402


@pytest.mark.parametrize(
    ("text", "student", "confidence"),
    [
        ("Namn: Åsa Öberg\nEn text.", "ASA OBERG", 1.0),
        ("Name: Lindqvist, Anna", "Anna Lindqvist", 1.0),
        ("Anna Lindqvist\nA text without a label.", "Anna Lindqvist", 1.0),
        ("Name: Anna Lindqvist", "Anna Lund", 0.7),
        ("Name: Anna Sandberg", "Erik Sandberg", 0.69),
    ],
)
def test_names_that_are_alike(text: str, student: str, confidence: float) -> None:
    """Case, accents and order don't matter; letters do, to the hundredth around 0.7."""
    (found,) = suggestions(text, {"s1": student})
    assert found.confidence_score == confidence


def test_names_that_are_not() -> None:
    """Nobody is suggested for a name like none; the best come first, equal ones by id."""
    assert suggestions("Name: Xyz Qqq", {"s1": "Anna Lund"}) == []
    found = suggestions("Name: Anna Lund", {"s3": "Anna Lund", "s2": "Anna Lind", "s1": "Anna Lund"})
    assert [f.student_id for f in found] == ["s1", "s3", "s2"]


@pytest.mark.parametrize(
    ("class_type", "before", "after", "may"),
    [
        ("REGULAR", Status.AWAITING_CONTENT, Status.AWAITING_STUDENTS, True),
        ("REGULAR", Status.AWAITING_CONTENT, Status.READY, False),
        ("REGULAR", Status.AWAITING_STUDENTS, Status.READY, False),
        ("REGULAR", Status.READY, Status.AWAITING_STUDENTS, False),
        ("GUEST", Status.AWAITING_CONTENT, Status.READY, True),
        ("GUEST", Status.AWAITING_CONTENT, Status.AWAITING_STUDENTS, False),
        ("GUEST", Status.READY, Status.CANCELLED, True),
        ("GUEST", Status.CANCELLED, Status.READY, False),
        ("REGULAR", Status.READY, Status.READY, False),
    ],
)
def test_where_a_batch_may_go(class_type: str, before: Status, after: Status, may: bool) -> None:
    """Forward along its machine, out of it from anywhere, never back."""
    assert may_move(class_type, before, after) is may


def test_the_clock_wakes_who_waits_for_it() -> None:
    """A day passes at once when the clock is advanced by it, and not when by a second less."""

    async def day() -> bool:
        clock = Clock()
        waiting = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(days=1)))
        await asyncio.sleep(0)
        clock.advance(timedelta(days=1, seconds=-10))
        await asyncio.sleep(0.01)
        early = waiting.done()
        clock.advance(timedelta(seconds=10))
        await asyncio.wait_for(waiting, timeout=1)
        return early

    assert asyncio.run(day()) is False
