"""class_management_service: classes and their students, and who wrote which essay.

Reads: matches suggested (8). Writes: associations confirmed (10), when a teacher confirms them or when nobody has for
24 hours (monitor.py). Run it: `python -m examples.phase1.cms --help`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from uuid import uuid4

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from examples.phase1 import topics
from examples.phase1.associations import Association, Course, Student, Validation, confirm, decided
from examples.phase1.consumer import Condition, Handler
from examples.phase1.events import Envelope, MatchesSuggested
from examples.phase1.monitor import TimeoutMonitor
from examples.phase1.runtime import Runtime
from examples.phase1.service import main
from examples.phase1.store import insert_once
from examples.phase1.tracing import carried, note, say
from examples.phase1.web import body, correlation_id

NAME = "class_management_service"
PENDING = "pending_validation"


class NewClass(BaseModel):
    """A class that is to be made."""

    course_code: str
    students: list[str]


class Choice(BaseModel):
    """The student that the teacher chose for an essay."""

    essay_id: str
    student_id: str


class Confirmation(BaseModel):
    """What the teacher changes; the other essays stay with whom they were suggested for."""

    associations: list[Choice]
    user_id: str = "teacher-1"


class ClassManagement:
    """The service."""

    name = NAME
    waits_for: Mapping[str, Condition] = {}

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.monitor = TimeoutMonitor(runtime, interval=runtime.options.monitor_interval)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What it does with each message."""
        return {topics.SUGGESTED: self.matches_suggested}

    @property
    def tasks(self) -> Iterable[Callable[[], Awaitable[None]]]:
        """What it does besides."""
        return [self.monitor.run]

    @property
    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        associations = "/v1/batches/{batch_id}/student-associations"
        return [
            web.post("/v1/classes", self.create_class),
            web.get("/v1/classes/{class_id}/students", self.show_students),
            web.get(associations, self.show_associations),
            web.post(f"{associations}/confirm", self.confirm_by_teacher),
            web.get("/v1/timeout-monitor", self.show_monitor),
        ]

    async def create_class(self, request: web.Request) -> web.Response:
        """A class with its roster."""
        asked = await body(request, NewClass)
        course = Course(class_id=str(uuid4()), course_code=asked.course_code)
        students = [Student(student_id=str(uuid4()), class_id=course.class_id, name=name) for name in asked.students]
        async with self._runtime.store.transaction() as session:
            session.add_all([course, *students])
        return web.json_response({"class_id": course.class_id}, status=201)

    async def show_students(self, request: web.Request) -> web.Response:
        """The roster of a class: its real students."""
        mine = select(Student).where(Student.class_id == request.match_info["class_id"], ~Student.is_unknown)
        async with self._runtime.store.transaction() as session:
            students = (await session.scalars(mine.order_by(Student.student_id))).all()
        return web.json_response({"students": [{"student_id": s.student_id, "name": s.name} for s in students]})

    async def matches_suggested(self, session: AsyncSession, envelope: Envelope) -> None:
        """Hop 8: from now on a person, or the monitor, decides."""
        data = MatchesSuggested.model_validate(envelope.data)
        validation = Validation(
            batch_id=data.batch_id,
            class_id=data.class_id,
            course_code=data.course_code,
            essay_ids=[match.essay_id for match in data.match_results],
            status=PENDING,
            suggested_at=self._runtime.clock.now(),
        )
        if not await insert_once(session, validation):
            note("message.ignored", {"because": "the batch has suggestions"})
            return
        for match in data.match_results:
            for best in match.suggestions[:1]:
                session.add(
                    Association(
                        batch_id=data.batch_id,
                        essay_id=match.essay_id,
                        class_id=data.class_id,
                        student_id=best.student_id,
                        confidence_score=best.confidence_score,
                        validation_status=PENDING,
                        created_at=self._runtime.clock.now(),
                    )
                )

    async def confirm_by_teacher(self, request: web.Request) -> web.Response:
        """Hop 9: the teacher has looked at the suggestions."""
        asked = await body(request, Confirmation)
        chosen = {choice.essay_id: choice.student_id for choice in asked.associations}
        async with self._runtime.store.transaction() as session:
            validation = await session.get(Validation, request.match_info["batch_id"], with_for_update=True)
            if validation is None:
                raise web.HTTPNotFound(text="nothing was suggested for this batch")
            if validation.status != PENDING:
                raise web.HTTPConflict(text="the batch was confirmed already")
            say({"batch_id": validation.batch_id, "class_id": validation.class_id})
            found = await decided(session, validation, chosen)
            missing = sorted(set(validation.essay_ids) - {a.essay_id for a in found})
            if missing:
                raise web.HTTPBadRequest(text=f"no student for essays {', '.join(missing)}")
            with carried(course_code=validation.course_code):
                confirm(
                    session,
                    validation,
                    found,
                    self._runtime,
                    by=asked.user_id,
                    method="human",
                    correlation_id=request[correlation_id],
                )
        return web.json_response({"batch_id": validation.batch_id, "confirmed": len(found)})

    async def show_associations(self, request: web.Request) -> web.Response:
        """Who wrote which essay of a batch, as far as is known."""
        batch_id = request.match_info["batch_id"]
        async with self._runtime.store.transaction() as session:
            validation = await session.get(Validation, batch_id)
            mine = select(Association).where(Association.batch_id == batch_id).order_by(Association.essay_id)
            found = (await session.scalars(mine)).all()
        shown = ("essay_id", "student_id", "confidence_score", "validation_status", "validation_method", "validated_by")
        rows = [{name: getattr(a, name) for name in shown} for a in found]
        return web.json_response({"batch_id": batch_id, "suggested": validation is not None, "associations": rows})

    async def show_monitor(self, _: web.Request) -> web.Response:
        """Whether the timeout monitor should run now, and what it confirmed when it ran last."""
        due = self.monitor.next_cycle <= self._runtime.clock.now()
        said = {"due": due, "next_cycle": self.monitor.next_cycle.isoformat(), "confirmed": self.monitor.confirmed}
        return web.json_response(said)


if __name__ == "__main__":
    main(ClassManagement, NAME)
