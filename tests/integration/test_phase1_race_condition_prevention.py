"""Family 4: who comes first doesn't decide what is right."""

import asyncio

import pytest

from examples.phase1 import topics
from examples.phase1.scenarios import again, teacher
from tests.integration.utils.phase1_test_helpers import Phase1TestContext

pytestmark = pytest.mark.integration
BATCHES = 20


async def test_pipeline_blocked_until_essays_stored(phase1: Phase1TestContext) -> None:
    """The store of ELS is slow: ready is announced when every essay is stored, not before."""
    async with phase1.trouble("els", "slow_store"):
        batch = await phase1.create_test_batch("REGULAR", "SV1")
        await phase1.confirm(batch)
    await phase1.satisfied(batch)


async def test_ready_before_essays_are_stored_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: ready is announced first."""
    await phase1.caught("phase1-decisions:stored_first", "els", "ready_before_stored", teacher)


async def test_concurrent_event_processing(phase1: Phase1TestContext) -> None:
    """Twenty batches at once, with messages that come twice: none disturbs another."""
    kinds = ["REGULAR" if n % 2 else "GUEST" for n in range(BATCHES)]
    codes = ["ENG5", "ENG6", "ENG7", "SV1", "SV2", "SV3"]
    made = [phase1.create_test_batch(kind, codes[n % 6]) for n, kind in enumerate(kinds)]  # type: ignore[arg-type]
    batches = await asyncio.gather(*made)
    for batch in batches[:3]:
        await phase1.system.again(topics.CONTENT, batch.batch_id)
    await asyncio.gather(*(phase1.confirm(b) if b.class_id else phase1.finish(b) for b in batches))
    await phase1.satisfied(*batches, across=True)


async def test_content_that_counts_twice_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: a repeated message fills another slot."""
    await phase1.caught("phase1-regular:precedes-1", "els", "content_counts_again", again)
