"""batch_orchestrator_service: registers batches and owns their status.

Reads: content complete (5), associations confirmed (10), essays ready (11). Each may move the batch along its state
machine; what it may not is refused, and said so. Writes: registered (2), match students (6).
Run it: `python -m examples.phase1.bos --help`.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import JSON, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from examples.phase1 import topics
from examples.phase1.consumer import Condition, Handler
from examples.phase1.events import (
    AssociationsConfirmed,
    ContentCompleted,
    Envelope,
    EssaysReady,
    EssaysRegistered,
    MatchingCommand,
    class_type,
)
from examples.phase1.runtime import Runtime
from examples.phase1.service import main
from examples.phase1.statuses import Status, may_move
from examples.phase1.store import Moment, Table, noted
from examples.phase1.tracing import carried, note, say
from examples.phase1.web import body, correlation_id

NAME = "batch_orchestrator_service"


class Batch(Table):
    """A batch of essays, and where it is."""

    __tablename__ = "batches"
    batch_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    course_code: Mapped[str] = mapped_column(String(16))
    class_id: Mapped[str | None] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(64))
    org_id: Mapped[str | None] = mapped_column(String(64))
    essay_ids: Mapped[list[str]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(64))
    registered_at: Mapped[datetime] = mapped_column(Moment)
    pipeline_at: Mapped[datetime | None] = mapped_column(Moment)


class Registration(BaseModel):
    """What a client asks for."""

    expected_essay_count: int = Field(ge=1, le=1000)
    course_code: str = Field(pattern="^(ENG[567]|SV[123])$")
    user_id: str
    org_id: str | None = None
    class_id: str | None = None


class BatchOrchestrator:
    """The service."""

    name = NAME
    tasks = ()

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What it does with each message."""
        return {
            topics.COMPLETED: self.content_completed,
            topics.CONFIRMED: self.associations_confirmed,
            topics.READY: self.essays_ready,
        }

    @property
    def waits_for(self) -> Mapping[str, Condition]:
        """Ready (11) may overtake confirmed (10): they come on two topics. It is handled after it."""
        return {topics.READY: self.students_are_confirmed}

    @property
    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.post("/v1/batches/register", self.register),
            web.post("/v1/batches/{batch_id}/pipelines", self.start_pipeline),
            web.get("/v1/batches/{batch_id}/status", self.show_status),
        ]

    async def register(self, request: web.Request) -> web.Response:
        """Hop 1: a new batch; its essays get their ids here."""
        asked = await body(request, Registration)
        batch = Batch(
            batch_id=str(uuid4()),
            essay_ids=[str(uuid4()) for _ in range(asked.expected_essay_count)],
            status=Status.AWAITING_CONTENT,
            registered_at=self._runtime.clock.now(),
            **asked.model_dump(exclude={"expected_essay_count"}),
        )
        kind = class_type(batch.class_id)
        say({"batch_id": batch.batch_id, "class_id": batch.class_id, "class_type": kind})
        say({"expected_essay_count": asked.expected_essay_count, "batch.status.after": batch.status})
        registered = EssaysRegistered(entity_id=batch.batch_id, essay_ids=batch.essay_ids, **asked.model_dump())
        with carried(course_code=asked.course_code):
            async with self._runtime.store.transaction() as session:
                session.add(batch)
                self._enqueue(session, topics.REGISTERED, registered, batch, request[correlation_id])
        return web.json_response({"batch_id": batch.batch_id, "correlation_id": request[correlation_id]}, status=202)

    async def content_completed(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 5: a class's essays are matched to its students next; a guest's are ready."""
        data = ContentCompleted.model_validate(envelope.data)
        batch = await self._batch(session, data.batch_id)
        if batch is None:
            return
        if batch.class_id is None:
            self.move(session, batch, Status.READY)
        elif self.move(session, batch, Status.AWAITING_STUDENTS):
            command = MatchingCommand(
                entity_id=batch.batch_id,
                class_id=batch.class_id,
                course_code=batch.course_code,
                essays_to_process=data.essays_for_processing,
            )
            self._enqueue(session, topics.COMMAND, command, batch, envelope.correlation_id)

    async def associations_confirmed(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 10: a teacher or the timeout has decided who wrote what."""
        data = AssociationsConfirmed.model_validate(envelope.data)
        if batch := await self._batch(session, data.batch_id):
            self.move(session, batch, Status.STUDENTS_CONFIRMED)

    async def essays_ready(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 11: every essay is stored with its student."""
        data = EssaysReady.model_validate(envelope.data)
        if batch := await self._batch(session, data.batch_id):
            self.move(session, batch, Status.READY)

    async def students_are_confirmed(self, session: AsyncSession, envelope: Envelope) -> bool:
        """Whether hop 10 was handled."""
        batch = await self._batch(session, envelope.batch_id)
        return batch is None or batch.status not in (Status.AWAITING_CONTENT, Status.AWAITING_STUDENTS)

    async def start_pipeline(self, request: web.Request) -> web.Response:
        """Hop 12: refused until the batch is ready."""
        async with self._runtime.store.transaction() as session:
            batch = await self._requested(session, request)
            with carried(course_code=batch.course_code):
                if not self.may_start_pipeline(batch):
                    raise web.HTTPConflict(text=f"the batch is {batch.status}")
                batch.pipeline_at = batch.pipeline_at or self._runtime.clock.now()
        return web.json_response({"batch_id": batch.batch_id, "status": batch.status}, status=202)

    async def show_status(self, request: web.Request) -> web.Response:
        """Where a batch is."""
        async with self._runtime.store.transaction() as session:
            batch = await self._requested(session, request)
        started = batch.pipeline_at is not None
        return web.json_response({"batch_id": batch.batch_id, "status": batch.status, "pipeline_started": started})

    def may_start_pipeline(self, batch: Batch) -> bool:
        """Whether its essays may be worked on."""
        return batch.status == Status.READY

    def move(self, session: AsyncSession, batch: Batch, after: Status) -> bool:
        """Moves the batch if its machine allows it; the current span tells which, once it is committed."""
        before = Status(batch.status)
        applied = may_move(class_type(batch.class_id), before, after)
        noted(session, "batch.status.transition", {"from": before, "to": after, "applied": applied})
        if applied:
            batch.status = after
        return applied

    def _enqueue(
        self,
        session: AsyncSession,
        topic: str,
        data: EssaysRegistered | MatchingCommand,
        batch: Batch,
        correlation: str,
    ) -> None:
        self._runtime.outbox.enqueue(session, topic, data, key=batch.batch_id, correlation_id=correlation)

    async def _batch(self, session: AsyncSession, batch_id: str) -> Batch | None:
        """The batch of a message; somebody else's messages are ignored."""
        batch = await session.get(Batch, batch_id, with_for_update=True)
        if batch is None:
            note("message.ignored", {"because": "there is no such batch"})
        return batch

    async def _requested(self, session: AsyncSession, request: web.Request) -> Batch:
        batch = await session.get(Batch, request.match_info["batch_id"], with_for_update=True)
        if batch is None:
            raise web.HTTPNotFound(text="there is no such batch")
        return batch


if __name__ == "__main__":
    main(BatchOrchestrator, NAME)
