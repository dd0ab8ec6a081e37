"""Family 2: what nobody confirms within 24 hours is confirmed by the monitor."""

import pytest

from examples.phase1.scenarios import JUST_SURE, SURE, UNSURE, timeout
from tests.integration.utils.phase1_test_helpers import Phase1TestContext

pytestmark = pytest.mark.integration


async def test_timeout_monitor_24_hour_trigger(phase1: Phase1TestContext) -> None:
    """Not at 23 hours, but at 24."""
    batch = await phase1.create_test_batch("REGULAR", "SV1")
    await phase1.wait_for_suggestions(batch.batch_id)
    await phase1.advance_time(23)
    await phase1.wait_for_state(batch.batch_id, "awaiting_student_validation")
    await phase1.advance_time(1)
    await phase1.finish(batch)
    await phase1.satisfied(batch)


@pytest.mark.parametrize("fault", ["monitor_at_23_hours", "monitor_at_25_hours_30"])
async def test_monitor_at_another_time_is_caught(phase1: Phase1TestContext, fault: str) -> None:
    """The twins: an hour too early, an hour and a half too late."""
    await phase1.caught("phase1-regular:timeout-1", "cms", fault, timeout)


async def test_high_confidence_auto_confirmation(phase1: Phase1TestContext) -> None:
    """From 0.7 on, exactly 0.7 included, the suggested student stays."""
    batch = await phase1.create_test_batch("REGULAR", "SV2", texts=(SURE, JUST_SURE))
    await phase1.wait_for_suggestions(batch.batch_id)
    await phase1.advance_time(24)
    await phase1.finish(batch)
    await phase1.satisfied(batch)
    said = await phase1.driver.suggestions(batch.batch_id)
    assert sorted(a["confidence_score"] for a in said)[0] == 0.7
    assert len({a["student_id"] for a in said}) == 2


async def test_exactly_sure_that_is_not_kept_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: 0.7 is not enough."""
    await phase1.caught("phase1-decisions:sure_stays", "cms", "sure_is_exclusive", timeout)


async def test_low_confidence_unknown_student(phase1: Phase1TestContext) -> None:
    """Below 0.7 it is the UNKNOWN student's."""
    batch = await phase1.create_test_batch("REGULAR", "SV3", texts=(SURE, UNSURE))
    await phase1.wait_for_suggestions(batch.batch_id)
    await phase1.advance_time(24)
    await phase1.finish(batch)
    await phase1.satisfied(batch)


async def test_unsure_that_is_kept_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: 0.69 is enough."""
    await phase1.caught("phase1-decisions:sure_stays", "cms", "sure_too_early", timeout)


async def test_multiple_batches_timeout_together(phase1: Phase1TestContext) -> None:
    """Three batches in one cycle, under one correlation id: each is confirmed by itself."""
    batches = [await phase1.create_test_batch("REGULAR", code) for code in ("SV1", "SV2", "ENG7")]
    for batch in batches:
        await phase1.wait_for_suggestions(batch.batch_id)
    await phase1.advance_time(24)
    await phase1.finish(*batches)
    await phase1.satisfied(*batches, across=True)


async def test_batches_that_are_mixed_are_caught(phase1: Phase1TestContext) -> None:
    """The twin: one is confirmed with an essay of another."""
    await phase1.caught("phase1-classes:essays", "cms", "mixes_batches", timeout)
