"""The timeout monitor: what nobody confirmed in 24 hours is confirmed as it was suggested.

A cycle at start, then one every interval, in business time. Who was suggested with a confidence of 0.7 or more stays;
the other essays go to the class's UNKNOWN student, who is made once. Each batch is one transaction.
"""

import logging
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid4, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from examples.phase1.associations import CONFIRMED, Association, Student, Validation, confirm, decided, suggested
from examples.phase1.runtime import Runtime
from examples.phase1.store import insert_once, noted
from examples.phase1.tracing import Said, carried, failed, say

log = logging.getLogger(__name__)
DUE_AFTER = timedelta(hours=24)
SURE = 0.7
BY = "SYSTEM_TIMEOUT"


class TimeoutMonitor:
    """Confirms for people who don't."""

    def __init__(self, runtime: Runtime, *, interval: timedelta) -> None:
        self._runtime = runtime
        self._interval = interval
        self.next_cycle = runtime.clock.now()
        self.confirmed: list[str] = []

    async def run(self) -> None:
        """Runs a cycle whenever one is due."""
        while True:
            begun = self._runtime.clock.now()
            await self.cycle()
            self.next_cycle = begun + self._interval
            await self._runtime.clock.sleep_until(self.next_cycle)

    async def cycle(self) -> None:
        """Confirms every batch that is due, all under one correlation id."""
        correlation_id = str(uuid4())
        with carried(correlation_id=correlation_id), self._runtime.tracing.span("timeout_monitor.cycle"):
            async with self._runtime.store.transaction() as session:
                due = [v.batch_id for v in await self.due(session, self._runtime.clock.now())]
            self.confirmed = [batch_id for batch_id in due if await self._batch(batch_id, correlation_id)]

    async def due(self, session: AsyncSession, now: datetime) -> list[Validation]:
        """The batches that have waited for 24 hours or more."""
        waiting = select(Validation).where(Validation.status != CONFIRMED, Validation.suggested_at <= now - DUE_AFTER)
        return list(await session.scalars(waiting.order_by(Validation.suggested_at, Validation.batch_id)))

    async def _batch(self, batch_id: str, correlation_id: str) -> bool:
        """Whether it confirmed one batch; if it fails, the others go on, and it is due again in the next cycle."""
        with self._runtime.tracing.span("timeout_monitor.process_batch", batch_id=batch_id):
            try:
                async with self._runtime.store.transaction() as session:
                    validation = await session.get_one(Validation, batch_id, with_for_update=True)
                    if validation.status == CONFIRMED:  # somebody did, since the cycle began
                        return False
                    await self._confirm(session, validation, correlation_id)
            except Exception as problem:
                failed(repr(problem))
                log.warning("timeout of batch %s failed, the next cycle tries again: %r", batch_id, problem)
                return False
        return True

    async def _confirm(self, session: AsyncSession, validation: Validation, correlation_id: str) -> None:
        with carried(course_code=validation.course_code):
            found = {a.essay_id: a for a in await suggested(session, validation.batch_id)}
            students = {}
            for essay_id in validation.essay_ids:
                if not self.keeps(found.get(essay_id)):
                    students[essay_id] = await self.unknown_student(session, validation)
            associations = await decided(session, validation, students)
            for a in associations:
                outcome = "unknown" if a.essay_id in students else "original"
                said: dict[str, Said] = {"essay_id": a.essay_id, "student_id": a.student_id, "outcome": outcome}
                noted(session, "association.decided", {**said, "confidence": a.confidence_score or 0.0})
            say({"class_id": validation.class_id, "associations.total": len(associations)})
            say({"associations.unknown": len(students)})
            confirm(
                session,
                validation,
                associations,
                self._runtime,
                by=BY,
                method="timeout",
                correlation_id=correlation_id,
            )

    def keeps(self, association: Association | None) -> bool:
        """Whether the suggestion is sure enough; none is not."""
        return association is not None and (association.confidence_score or 0.0) >= SURE

    async def unknown_student(self, session: AsyncSession, validation: Validation) -> str:
        """The UNKNOWN student of the class; made if it isn't there, by whoever needs it first."""
        student = Student(
            student_id=self.unknown_student_id(validation),
            class_id=validation.class_id,
            name="UNKNOWN",
            is_unknown=True,
        )
        created = await insert_once(session, student)
        told = {"class_id": validation.class_id, "student_id": student.student_id}
        noted(session, f"unknown_student.{'created' if created else 'reused'}", told)
        return student.student_id

    def unknown_student_id(self, validation: Validation) -> str:
        """One for each class, the same whenever it is asked for."""
        return str(uuid5(NAMESPACE_OID, f"unknown student of {validation.class_id}"))
