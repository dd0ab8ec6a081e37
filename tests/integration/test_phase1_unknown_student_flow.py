"""Family 6: a class has one UNKNOWN student, and keeps it."""

import pytest

from examples.phase1.scenarios import ROSTER, UNKNOWN, timeout
from tests.integration.utils.phase1_test_helpers import CLASS_CODE, Phase1TestContext

pytestmark = pytest.mark.integration


async def test_unknown_student_per_class(phase1: Phase1TestContext) -> None:
    """Two classes, two UNKNOWN students."""
    batches = [await phase1.create_test_batch("REGULAR", code, texts=(UNKNOWN,)) for code in ("SV1", "SV2")]
    for batch in batches:
        await phase1.wait_for_suggestions(batch.batch_id)
    await phase1.advance_time(24)
    await phase1.finish(*batches)
    await phase1.satisfied(*batches, across=True)
    said = [await phase1.driver.suggestions(batch.batch_id) for batch in batches]
    assert len({a["student_id"] for each in said for a in each}) == 2


async def test_unknown_student_of_all_classes_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: one for all classes."""
    await phase1.caught("phase1-decisions:unknown_of_one_class", "cms", "unknown_shared", timeout)


async def test_unknown_student_reuse(phase1: Phase1TestContext) -> None:
    """Two batches of a class, a day apart: the same UNKNOWN student."""
    class_id = await phase1.driver.create_class(CLASS_CODE, ROSTER)
    batches = []
    for code in ("SV1", "SV2"):
        batch = await phase1.create_test_batch("REGULAR", code, texts=(UNKNOWN,), class_id=class_id)
        await phase1.wait_for_suggestions(batch.batch_id)
        await phase1.advance_time(24)
        await phase1.finish(batch)
        batches.append(batch)
    await phase1.satisfied(*batches, across=True)
    said = [await phase1.driver.suggestions(batch.batch_id) for batch in batches]
    assert len({a["student_id"] for each in said for a in each}) == 1


@pytest.mark.parametrize("fault", ["unknown_per_batch", "unknown_per_cycle"])
async def test_unknown_student_that_is_made_anew_is_caught(phase1: Phase1TestContext, fault: str) -> None:
    """The twins: one for each batch, one for each cycle."""
    await phase1.caught("phase1-classes:unknown_student", "cms", fault, timeout)
