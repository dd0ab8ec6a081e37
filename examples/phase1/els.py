"""essay_lifecycle_service: knows which essay of a batch has which text, and routes what concerns its essays.

Reads: registered (2), content (3), match students (6), associations confirmed (10). Writes: content complete (5),
matching requested (7), essays ready (11). While students are matched it writes no essay.
Run it: `python -m examples.phase1.els --help`.
"""

from collections.abc import Mapping
from enum import StrEnum

from aiohttp import web
from sqlalchemy import JSON, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from examples.phase1 import topics
from examples.phase1.consumer import Condition, Handler
from examples.phase1.events import (
    AssociationsConfirmed,
    ContentCompleted,
    ContentProvisioned,
    Data,
    Envelope,
    EssaysReady,
    EssaysRegistered,
    MatchingCommand,
    MatchingRequested,
    Slot,
    class_type,
)
from examples.phase1.runtime import Runtime
from examples.phase1.service import main
from examples.phase1.store import Table, insert_once, noted
from examples.phase1.tracing import note

NAME = "essay_lifecycle_service"


class Stage(StrEnum):
    """How far a batch is, seen from its essays."""

    COLLECTING = "collecting"
    COMPLETE = "complete"
    MATCHING = "matching"
    READY = "ready"


class Tracker(Table):
    """A batch that essays are awaited for."""

    __tablename__ = "trackers"
    batch_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    course_code: Mapped[str] = mapped_column(String(16))
    class_id: Mapped[str | None] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(64))
    essay_ids: Mapped[list[str]] = mapped_column(JSON)
    stage: Mapped[str] = mapped_column(String(16))


class Essay(Table):
    """A text of a batch, and which of its essays it is; none yet if it came before the batch was registered."""

    __tablename__ = "essay_states"
    batch_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    file_upload_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    text_storage_id: Mapped[str] = mapped_column(String(64))
    essay_id: Mapped[str | None] = mapped_column(String(64))
    student_id: Mapped[str | None] = mapped_column(String(64))


class EssayLifecycle:
    """The service."""

    name = NAME
    tasks = ()
    waits_for: Mapping[str, Condition] = {}
    routes: tuple[web.RouteDef, ...] = ()

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What it does with each message."""
        return {
            topics.REGISTERED: self.registered,
            topics.CONTENT: self.content_provisioned,
            topics.COMMAND: self.match_students,
            topics.CONFIRMED: self.associations_confirmed,
        }

    async def registered(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 2: from now on it is known how many essays there will be. Texts may have come before."""
        data = EssaysRegistered.model_validate(envelope.data)
        tracker = Tracker(
            batch_id=data.entity_id,
            course_code=data.course_code,
            class_id=data.class_id,
            user_id=data.user_id,
            essay_ids=data.essay_ids,
            stage=Stage.COLLECTING,
        )
        if await insert_once(session, tracker):
            await self._assign(session, data.entity_id, envelope.correlation_id)

    async def content_provisioned(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 3: one more text. The same upload again is no other text."""
        data = ContentProvisioned.model_validate(envelope.data)
        text = Essay(batch_id=data.entity_id, file_upload_id=data.file_upload_id, text_storage_id=data.text_storage_id)
        if await insert_once(session, text):
            await self._assign(session, data.entity_id, envelope.correlation_id)

    async def match_students(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 6: asks for the matching; no essay is touched."""
        data = MatchingCommand.model_validate(envelope.data)
        tracker = await self._tracker(session, data.entity_id)
        if tracker is None or not self.step(tracker, Stage.COMPLETE, Stage.MATCHING):
            return
        requested = MatchingRequested(
            batch_id=data.entity_id,
            class_id=data.class_id,
            course_code=data.course_code,
            essays_to_process=data.essays_to_process,
        )
        self._enqueue(session, topics.REQUESTED, requested, envelope)

    async def associations_confirmed(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 10: stores who wrote each essay; with that, and not before, the batch's essays are ready."""
        data = AssociationsConfirmed.model_validate(envelope.data)
        tracker = await self._tracker(session, data.batch_id)
        if tracker is None or not self.step(tracker, Stage.MATCHING, Stage.READY):
            return
        essays = await self._essays(session, data.batch_id)
        await self.store_students(session, essays, data)
        ready = EssaysReady(
            batch_id=tracker.batch_id,
            course_code=tracker.course_code,
            class_type=class_type(tracker.class_id),
            ready_essays=_slots(essays),
        )
        self._enqueue(session, topics.READY, ready, envelope)
        noted(session, "essays.announced", {"batch_id": tracker.batch_id, "essays": len(essays)})

    async def store_students(self, session: AsyncSession, essays: list[Essay], data: AssociationsConfirmed) -> None:
        """Writes who wrote each essay."""
        students = {a.essay_id: a.student_id for a in data.associations}
        for essay in essays:
            essay.student_id = students.get(essay.essay_id or "")
            noted(session, "essay.stored", {"essay_id": essay.essay_id, "student_id": essay.student_id})

    def step(self, tracker: Tracker, before: Stage, after: Stage) -> bool:
        """Goes one stage further; a message that comes again finds it gone, and is ignored."""
        if tracker.stage != before:
            note("message.ignored", {"because": f"the batch is {tracker.stage}, not {before}"})
            return False
        tracker.stage = after
        return True

    async def _assign(self, session: AsyncSession, batch_id: str, correlation_id: str) -> None:
        """Gives the texts that are there the ids that the registration brought; hop 5 when none is left."""
        tracker = await session.get(Tracker, batch_id, with_for_update=True)
        if tracker is None or tracker.stage != Stage.COLLECTING:
            return
        essays = await self._essays(session, batch_id)
        free = [e for e in tracker.essay_ids if e not in {essay.essay_id for essay in essays}]
        for essay, essay_id in zip([e for e in essays if e.essay_id is None], free, strict=False):
            essay.essay_id = essay_id
        assigned = [essay for essay in essays if essay.essay_id]
        if len(assigned) == len(tracker.essay_ids):
            tracker.stage = Stage.COMPLETE
            await self.announce(session, tracker, assigned, correlation_id)

    async def announce(self, session: AsyncSession, tracker: Tracker, essays: list[Essay], correlation_id: str) -> None:
        """Hop 5: every essay has its text."""
        completed = ContentCompleted(
            batch_id=tracker.batch_id,
            user_id=tracker.user_id,
            course_code=tracker.course_code,
            expected_count=len(tracker.essay_ids),
            essays_for_processing=_slots(essays),
        )
        self._runtime.outbox.enqueue(
            session, topics.COMPLETED, completed, key=tracker.batch_id, correlation_id=correlation_id
        )

    def _enqueue(self, session: AsyncSession, topic: str, data: Data, cause: Envelope) -> None:
        self._runtime.outbox.enqueue(session, topic, data, key=cause.batch_id, correlation_id=cause.correlation_id)

    async def _tracker(self, session: AsyncSession, batch_id: str) -> Tracker | None:
        """The batch of a message; somebody else's messages are ignored."""
        tracker = await session.get(Tracker, batch_id, with_for_update=True)
        if tracker is None:
            note("message.ignored", {"because": "there is no such batch"})
        return tracker

    async def _essays(self, session: AsyncSession, batch_id: str) -> list[Essay]:
        found = await session.scalars(select(Essay).where(Essay.batch_id == batch_id).order_by(Essay.file_upload_id))
        return list(found)


def _slots(essays: list[Essay]) -> list[Slot]:
    return [Slot(essay_id=e.essay_id, text_storage_id=e.text_storage_id) for e in essays if e.essay_id]


if __name__ == "__main__":
    main(EssayLifecycle, NAME)
