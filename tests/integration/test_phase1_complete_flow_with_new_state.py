"""Family 1: a batch goes all the way, with the state student_validation_completed in between."""

import pytest

from examples.phase1.scenarios import guest, teacher
from tests.integration.utils.phase1_test_helpers import Phase1TestContext

pytestmark = pytest.mark.integration


async def test_regular_batch_complete_phase1_flow(phase1: Phase1TestContext) -> None:
    """Every hop of a REGULAR batch in its order and in time, its states one after the other."""
    batch = await phase1.create_test_batch("REGULAR", "SV1")
    await phase1.wait_for_state(batch.batch_id, "awaiting_student_validation")
    await phase1.confirm(batch)
    report = await phase1.verify_event_chain(batch.correlation_id)
    assert {flow.shape for flow in report.flows} == {"phase1-regular", "phase1-decisions"}


async def test_regular_batch_whose_completion_is_lost_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: hop 5 is lost after the commit."""
    await phase1.caught("phase1-regular:sequence-1", "els", "completed_lost", teacher)


async def test_guest_batch_bypasses_student_validation(phase1: Phase1TestContext) -> None:
    """A GUEST batch is ready as soon as its content is there, and nothing of matching ever happens."""
    batch = await phase1.create_test_batch("GUEST", "ENG5")
    await phase1.finish(batch)
    report = await phase1.verify_event_chain(batch.correlation_id)
    assert [flow.shape for flow in report.flows] == ["phase1-guest"]


async def test_guest_batch_that_is_matched_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: it is sent to matching like a class's."""
    await phase1.caught("phase1-guest:never-4", "bos", "guest_is_matched", guest)


async def test_course_code_propagation_all_events(phase1: Phase1TestContext) -> None:
    """The batch's course code, not the class's, in every event; and it is no constant."""
    batches = [await phase1.create_test_batch("REGULAR", code) for code in ("SV1", "ENG7")]
    await phase1.confirm(*batches)
    report = await phase1.satisfied(*batches, across=True)
    assert {str(flow.facts["course_code"]) for flow in report.flows if "course_code" in flow.facts} <= {"SV1", "ENG7"}


async def test_course_code_of_the_class_is_caught(phase1: Phase1TestContext) -> None:
    """The twin: the confirmation carries the class's code."""
    await phase1.caught("phase1-regular:propagates-1", "cms", "code_of_the_class", teacher)
