"""Family 3: the status of a batch moves along its machine, whatever is tried."""

import pytest

from examples.phase1.scenarios import early_pipeline, early_ready, teacher
from tests.integration.utils.phase1_test_helpers import Phase1TestContext

pytestmark = pytest.mark.integration


async def test_cannot_skip_student_validation_completed(phase1: Phase1TestContext) -> None:
    """A message says too early that a batch is ready: it is refused, and the batch goes its way."""
    (batch,) = await early_ready(phase1.system)
    await phase1.satisfied(batch)


async def test_skipped_states_are_caught(phase1: Phase1TestContext) -> None:
    """The twin: nobody guards the machine."""
    await phase1.caught("phase1-regular:conforms-1", "bos", "guard_removed", early_ready)


async def test_essays_not_accessible_before_ready(phase1: Phase1TestContext) -> None:
    """A client asks for the pipeline too early: 409, and nothing starts."""
    batch = await phase1.create_test_batch("REGULAR", "SV1")
    await phase1.wait_for_suggestions(batch.batch_id)
    status = await phase1.start_pipeline(batch.batch_id)
    await phase1.confirm(batch)
    await phase1.satisfied(batch)
    assert status == 409


async def test_pipeline_that_starts_early_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: it starts whenever it is asked for."""
    await phase1.caught("phase1-regular:precedes-3", "bos", "pipeline_guard_removed", early_pipeline)


async def test_state_rollback_on_failure(phase1: Phase1TestContext) -> None:
    """The store of BOS fails before three commits: status and outbox roll back together, and it is done again."""
    async with phase1.trouble("bos", "failing_store"):
        batch = await phase1.create_test_batch("REGULAR", "SV1")
        await phase1.confirm(batch)
    await phase1.recovered(batch)


async def test_status_that_is_kept_on_rollback_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: the status stays, what came with it is gone."""
    await phase1.caught("phase1-regular:leads_to-8", "bos", "rollback_keeps_status", teacher)
