"""What people do with a batch, from its registration to its end, also when the system doesn't do its part.

In: a running system. Out: the ids of the batches. Every wait has an end: a batch that is stuck stays where it is.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from examples.phase1 import topics
from examples.phase1.driver import Refused
from examples.phase1.events import Envelope, EssaysReady
from examples.phase1.statuses import Status
from examples.phase1.system import System

PATIENCE_S = 2.0
ROSTER = ("Anna Lund", "Erik Sandberg", "Maria Holm")
SURE = "Namn: Maria Holm\n\nMin sommar."
JUST_SURE = "Namn: Anna Lindqvist\n\nMin höst."  # 0.70 like Anna Lund
UNSURE = "Namn: Anna Sandberg\n\nMin vinter."  # 0.69 like Erik Sandberg
UNKNOWN = "Zzz\n\n"
Scenario = Callable[[System], Awaitable[list[str]]]


async def guest(system: System) -> list[str]:
    """A guest's batch; the client then starts its pipeline."""
    batch_id = await system.driver.register(2, "SV2")
    await system.driver.upload(batch_id, [SURE, UNSURE])
    await _finish(system, batch_id)
    return [batch_id]


async def teacher(system: System) -> list[str]:
    """A class's batch, of another course than the class, confirmed by its teacher."""
    batch_id = await _class_batch(system, [SURE, UNSURE])
    await _confirm(system, batch_id)
    return [batch_id]


async def timeout(system: System) -> list[str]:
    """Two classes: a batch of the first; a day later one more of it, and one of the second. Nobody confirms them."""
    class_id, other_id = [await system.driver.create_class("ENG6", ROSTER) for _ in range(2)]
    return await _unconfirmed(system, [class_id]) + await _unconfirmed(system, [class_id, other_id])


async def confirmed_then_timeout(system: System) -> list[str]:
    """A batch that its teacher confirms; then more than a day passes."""
    batch_id = await _class_batch(system, [SURE, UNSURE])
    await _confirm(system, batch_id)
    await system.advance(timedelta(hours=26))
    return [batch_id]


async def early_pipeline(system: System) -> list[str]:
    """The client is impatient: it asks for the pipeline before the teacher has confirmed."""
    batch_id = await _class_batch(system, [SURE, UNSURE])
    with suppress(TimeoutError):
        await system.driver.wait_for_suggestions(batch_id, deadline_s=PATIENCE_S)
    with suppress(Refused):
        await system.driver.start_pipeline(batch_id)
    await _confirm(system, batch_id)
    return [batch_id]


async def early_ready(system: System) -> list[str]:
    """A message says that the batch is ready, while its files are still awaited."""
    class_id = await system.driver.create_class("ENG6", ROSTER)
    batch_id = await system.driver.register(2, "SV1", class_id=class_id)
    ready = EssaysReady(batch_id=batch_id, course_code="SV1", class_type="REGULAR", ready_essays=[])
    envelope = Envelope(
        event_type=topics.READY, source_service="nobody", correlation_id=batch_id, data=ready.model_dump()
    )
    await system.publish(topics.READY, envelope)
    await system.driver.upload(batch_id, [SURE, UNSURE])
    await _confirm(system, batch_id)
    return [batch_id]


async def slow_files(system: System) -> list[str]:
    """The last file takes its time."""
    class_id = await system.driver.create_class("ENG6", ROSTER)
    batch_id = await system.driver.register(2, "SV1", class_id=class_id)
    await system.driver.upload(batch_id, [SURE])
    with suppress(TimeoutError):
        await system.driver.wait_for_status(batch_id, Status.AWAITING_STUDENTS, deadline_s=PATIENCE_S / 4)
    await system.driver.upload(batch_id, [UNSURE])
    await _confirm(system, batch_id)
    return [batch_id]


async def again(system: System) -> list[str]:
    """The messages of the first file come twice, before the second file is there."""
    class_id = await system.driver.create_class("ENG6", ROSTER)
    batch_id = await system.driver.register(2, "SV1", class_id=class_id)
    await system.driver.upload(batch_id, [SURE])
    await system.again(topics.CONTENT, batch_id, as_new=True)
    with suppress(TimeoutError):
        await system.driver.wait_for_status(batch_id, Status.AWAITING_STUDENTS, deadline_s=PATIENCE_S / 4)
    await system.driver.upload(batch_id, [UNSURE])
    await _confirm(system, batch_id)
    return [batch_id]


SCENARIOS: Mapping[str, Scenario] = {
    "guest": guest,
    "teacher": teacher,
    "timeout": timeout,
    "confirmed then timeout": confirmed_then_timeout,
    "early pipeline": early_pipeline,
    "early ready": early_ready,
    "again": again,
    "slow files": slow_files,
}


async def _unconfirmed(system: System, classes: list[str]) -> list[str]:
    """A batch of each class; the monitor is given 24 hours, and two more if that was not enough."""
    texts = [SURE, JUST_SURE, UNSURE, UNKNOWN]
    found = [await system.driver.register(len(texts), "SV1", class_id=class_id) for class_id in classes]
    for batch_id in found:
        await system.driver.upload(batch_id, texts)
    for batch_id in found:
        await system.driver.wait_for_suggestions(batch_id)
    await system.advance(timedelta(hours=24))
    if any([await system.driver.status(batch_id) != Status.READY for batch_id in found]):
        await system.advance(timedelta(hours=2))
    for batch_id in found:
        await _finish(system, batch_id)
    return found


async def _class_batch(system: System, texts: list[str]) -> str:
    class_id = await system.driver.create_class("ENG6", ROSTER)
    batch_id = await system.driver.register(len(texts), "SV1", class_id=class_id)
    for text in texts:  # one by one, as people do
        await system.driver.upload(batch_id, [text])
    return batch_id


async def _confirm(system: System, batch_id: str) -> None:
    with suppress(TimeoutError):
        await system.driver.wait_for_suggestions(batch_id, deadline_s=PATIENCE_S)
        with suppress(Refused):
            await system.driver.confirm(batch_id)
        await _finish(system, batch_id)


async def _finish(system: System, batch_id: str) -> None:
    with suppress(TimeoutError):
        await system.driver.wait_for_status(batch_id, Status.READY, deadline_s=PATIENCE_S)
        await system.driver.start_pipeline(batch_id)
