"""Family 5: what fails is done again, and once."""

import asyncio

import pytest

from examples.phase1.scenarios import teacher, timeout
from tests.integration.utils.phase1_test_helpers import Phase1TestContext
from verifier import Verdict

pytestmark = pytest.mark.integration


async def test_kafka_outage_recovery(phase1: Phase1TestContext) -> None:
    """The broker is away while the teacher confirms: everything arrives when it is back."""
    if phase1.system.setup.kafka and not phase1.system.setup.kafka_switch:
        pytest.skip("nobody said how this broker is stopped; to run it: PHASE1_KAFKA_SWITCH='<command> {}' (down, up)")
    batch = await phase1.create_test_batch("REGULAR", "SV1")
    await phase1.wait_for_suggestions(batch.batch_id)
    await phase1.system.broker("down")
    await phase1.driver.confirm(batch.batch_id)
    await asyncio.sleep(1)
    await phase1.system.broker("up")
    await phase1.finish(batch)
    await phase1.satisfied(batch)


async def test_message_that_the_relay_forgets_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: it is marked as sent, and never was."""
    await phase1.caught("phase1-regular:leads_to-2", "bos", "relay_forgets", teacher)


async def test_database_failure_handling(phase1: Phase1TestContext) -> None:
    """The store of ELS fails before three commits: each message is handled again, and its effect is there once."""
    async with phase1.trouble("els", "failing_store"):
        batch = await phase1.create_test_batch("REGULAR", "SV1")
        await phase1.confirm(batch)
    await phase1.recovered(batch)


async def test_message_that_is_not_handled_again_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: the offset is committed before the work."""
    await phase1.caught("phase1-regular:leads_to-5", "bos", "confirmed_not_retried", teacher)


async def test_timeout_monitor_crash_recovery(phase1: Phase1TestContext) -> None:
    """CMS is killed in a cycle, when one of three batches is confirmed, and comes back: each is confirmed, once.

    What CMS knew of its last moments nobody is told: rules that ask for it say that they can't know.
    """
    batches = [await phase1.create_test_batch("REGULAR", code) for code in ("SV1", "SV2", "ENG7")]
    for batch in batches:
        await phase1.wait_for_suggestions(batch.batch_id)
    async with phase1.trouble("cms", "slow_cycle"):
        day = asyncio.create_task(phase1.advance_time(24))
        await phase1.one_is(batches, "ready_for_pipeline_execution")
        await phase1.system.kill("cms")
        await asyncio.gather(day, return_exceptions=True)
    await phase1.system.start("cms")
    await phase1.finish(*batches)
    raised = await phase1.raised([batch.batch_id for batch in batches])
    violated = {rule: verdict for rule, verdict in raised.items() if verdict is Verdict.VIOLATED}
    assert not violated, raised


async def test_monitor_that_confirms_twice_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: a timeout is told twice, differently."""
    await phase1.caught("phase1-regular:occurs-2", "cms", "monitor_confirms_twice", timeout)
