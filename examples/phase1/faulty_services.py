"""Faults of the services: guards, order, and what is stored when.

Each function breaks the parts of one process until its patch is undone. `slow_store` and `failing_store` are no bugs
but troubles: a good service gets through them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import select

from examples.phase1 import topics
from examples.phase1.associations import Validation
from examples.phase1.breaking import Break, Patch
from examples.phase1.events import MatchingCommand
from examples.phase1.parts import Parts
from examples.phase1.statuses import Status
from examples.phase1.store import noted


def slow_store(parts: Parts, patch: Patch) -> None:
    """A trouble: every commit takes 0.3 s."""
    store: Any = parts.runtime.store
    transaction = store.transaction

    @asynccontextmanager
    async def slow() -> AsyncIterator[Any]:
        async with transaction() as session:
            yield session
            await asyncio.sleep(0.3)

    patch(store, "transaction", slow)


def failing_store(parts: Parts, patch: Patch) -> None:
    """A trouble: the next three commits of handlers fail, and roll back."""
    consumer: Any = parts.consumer
    left = [3]

    def failing(handler: Any) -> Any:
        async def fails_first(session: Any, envelope: Any) -> None:
            await handler(session, envelope)
            if left[0]:
                left[0] -= 1
                raise ConnectionError("the database went away before the commit")

        return fails_first

    broken = {topic: failing(handler) for topic, handler in parts.service.handlers.items()}
    patch(consumer, "_service", SimpleNamespace(handlers=broken, waits_for=parts.service.waits_for))


def slow_cycle(parts: Parts, patch: Patch) -> None:
    """A trouble: the monitor takes a minute before each batch of a cycle but the first."""
    monitor = parts.service.monitor  # type: ignore[attr-defined]
    cycle, confirm = monitor.cycle, monitor._batch
    begun: list[tuple[str, ...]] = []

    async def anew() -> None:
        begun.clear()
        await cycle()

    async def slowly(*batch: str) -> Any:
        if begun:
            await asyncio.sleep(60)
        begun.append(batch)
        return await confirm(*batch)

    patch(monitor, "cycle", anew)
    patch(monitor, "_batch", slowly)


# ---- batch_orchestrator_service


def pipeline_guard_removed(parts: Parts, patch: Patch) -> None:
    """A pipeline may be started whatever the batch's status is."""
    patch(parts.service, "may_start_pipeline", lambda _: True)


def guard_removed(parts: Parts, patch: Patch) -> None:
    """A batch goes wherever it is sent, at once."""

    def move(session: Any, batch: Any, after: Status) -> bool:
        noted(session, "batch.status.transition", {"from": batch.status, "to": after, "applied": True})
        batch.status = after
        return True

    async def now(*_: object) -> bool:
        return True

    patch(parts.service, "move", move)
    patch(parts.service, "students_are_confirmed", now)


def goes_to(instead: Status, of: Status) -> Break:
    """Batches go to a status that isn't next."""

    def break_it(parts: Parts, patch: Patch) -> None:
        def move(session: Any, batch: Any, after: Status) -> bool:
            to = instead if after == of else after
            noted(session, "batch.status.transition", {"from": batch.status, "to": to, "applied": True})
            batch.status = to
            return True

        patch(parts.service, "move", move)

    return break_it


def ready_does_not_wait(parts: Parts, patch: Patch) -> None:
    """Ready is handled when it comes, and confirmations are slow: the race is lost."""

    async def at_once(*_: object) -> bool:
        return True

    async def slowly(*_: object) -> bool:
        await asyncio.sleep(0.4)
        return True

    waits_for = {topics.READY: at_once, topics.CONFIRMED: slowly}
    patch(parts.consumer, "_service", SimpleNamespace(handlers=parts.service.handlers, waits_for=waits_for))
    patch(parts.consumer, "_batches", _NoLocks())  # which would keep the two apart


class _NoLocks(dict[str, asyncio.Lock]):
    def setdefault(self, _key: str, default: Any = None) -> Any:
        return default


def rollback_keeps_status(parts: Parts, patch: Patch) -> None:
    """The status is committed by itself; the rest fails, and is refused when it is tried again."""
    service: Any = parts.service
    completed = service.content_completed
    failed = set()

    async def torn(session: Any, envelope: Any) -> None:
        if envelope.batch_id in failed:
            await completed(session, envelope)
            return
        failed.add(envelope.batch_id)
        batch = await service._batch(session, envelope.batch_id)
        service.move(session, batch, Status.READY if batch.class_id is None else Status.AWAITING_STUDENTS)
        await session.commit()
        raise ConnectionError("the database went away after the status was written")

    patch(service, "content_completed", torn)


def guest_is_matched(parts: Parts, patch: Patch) -> None:
    """A guest's batch goes to student matching."""
    service: Any = parts.service
    completed = service.content_completed

    async def matched(session: Any, envelope: Any) -> None:
        batch = await service._batch(session, envelope.batch_id)
        if batch.class_id is None:
            command = MatchingCommand(
                entity_id=batch.batch_id,
                class_id="guests",
                course_code=batch.course_code,
                essays_to_process=envelope.data["essays_for_processing"],
            )
            service._enqueue(session, topics.COMMAND, command, batch, envelope.correlation_id)
        await completed(session, envelope)

    patch(service, "content_completed", matched)


# ---- essay_lifecycle_service


def complete_too_early(parts: Parts, patch: Patch) -> None:
    """Content is complete when all texts but one are there."""
    service: Any = parts.service
    assign = service._assign

    async def early(session: Any, batch_id: str, correlation_id: str) -> None:
        essays = await service._essays(session, batch_id)
        tracker = await service._tracker(session, batch_id)
        if tracker is not None and tracker.stage == "collecting" and len(essays) == len(tracker.essay_ids) - 1:
            for essay, essay_id in zip(essays, tracker.essay_ids, strict=False):
                essay.essay_id = essay_id
            tracker.stage = "complete"
            await service.announce(session, tracker, essays, correlation_id)
            return
        await assign(session, batch_id, correlation_id)

    patch(service, "_assign", early)


def ready_before_stored(parts: Parts, patch: Patch) -> None:
    """Essays are announced as ready, and stored with nobody."""

    async def nothing(*_: object) -> None:
        return None

    patch(parts.service, "store_students", nothing)


# ---- class_management_service: the timeout monitor


def due_after(wanted: timedelta) -> Break:
    """The monitor acts at another age than 24 hours."""

    def break_it(parts: Parts, patch: Patch) -> None:
        monitor = parts.service.monitor  # type: ignore[attr-defined]
        due = monitor.due

        async def shifted(session: Any, now: Any) -> Any:
            return await due(session, now + timedelta(hours=24) - wanted)

        patch(monitor, "due", shifted)

    return break_it


def keeps_from(wanted: float, *, also: bool = True) -> Break:
    """Suggestions stay from another confidence on than 0.7; `also`: that confidence itself stays."""

    def break_it(parts: Parts, patch: Patch) -> None:
        def keeps(association: Any) -> bool:
            sure = -1.0 if association is None else association.confidence_score or 0.0
            return sure > wanted or (also and sure == wanted)

        patch(parts.service.monitor, "keeps", keeps)  # type: ignore[attr-defined]

    return break_it


def unknown_student_per(owner: Callable[[Any, Any], str]) -> Break:
    """The UNKNOWN student is somebody else for another owner than the class."""

    def break_it(parts: Parts, patch: Patch) -> None:
        monitor: Any = parts.service.monitor  # type: ignore[attr-defined]

        def student_id(validation: Any) -> str:
            return str(uuid5(NAMESPACE_OID, owner(monitor, validation)))

        patch(monitor, "unknown_student_id", student_id)

    return break_it


def confirms_what_is_confirmed(parts: Parts, patch: Patch) -> None:
    """The monitor doesn't ask whether a teacher has confirmed (what was suggested from now on)."""
    monitor = parts.service.monitor  # type: ignore[attr-defined]
    since = parts.runtime.clock.now()
    confirmed_again = set()

    async def all_of_them(session: Any, now: Any) -> Any:
        old = select(Validation).where(Validation.suggested_at <= now - timedelta(hours=24))
        found = [
            validation
            for validation in await session.scalars(old.where(Validation.suggested_at >= since))
            if validation.batch_id not in confirmed_again
        ]
        for validation in found:
            confirmed_again.add(validation.batch_id)
            validation.status = "pending_validation"
        return found

    patch(monitor, "due", all_of_them)


def mixes_batches(parts: Parts, patch: Patch) -> None:
    """The monitor confirms a batch together with an essay of the batch before it."""
    monitor: Any = parts.service.monitor  # type: ignore[attr-defined]
    confirm = monitor._confirm
    before: list[str] = []

    async def mixed(session: Any, validation: Any, correlation_id: str) -> None:
        mine = list(validation.essay_ids)
        validation.essay_ids = mine + before[:1]
        before[:] = mine
        await confirm(session, validation, correlation_id)

    patch(monitor, "_confirm", mixed)
