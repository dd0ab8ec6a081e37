"""Who wrote which essay: the tables of class_management_service, and confirming a batch.

A person and the timeout confirm in the same way: the associations and the message that tells of them in one
transaction, and a batch once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import JSON, Float, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from examples.phase1 import topics
from examples.phase1.events import AssociationsConfirmed, ConfirmedAssociation
from examples.phase1.runtime import Runtime
from examples.phase1.store import Moment, Table

CONFIRMED = "confirmed"


class Course(Table):
    """A class."""

    __tablename__ = "classes"
    class_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    course_code: Mapped[str] = mapped_column(String(16))


class Student(Table):
    """A student of a class, or the one who stands for those that are not known."""

    __tablename__ = "students"
    student_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    class_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(200))
    is_unknown: Mapped[bool] = mapped_column(default=False)


class Validation(Table):
    """A batch whose students were suggested, and whether it is decided."""

    __tablename__ = "validations"
    batch_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    class_id: Mapped[str] = mapped_column(String(64))
    course_code: Mapped[str] = mapped_column(String(16))
    essay_ids: Mapped[list[str]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(32), index=True)
    suggested_at: Mapped[datetime] = mapped_column(Moment)


class Association(Table):
    """An essay and who wrote it: suggested, or decided."""

    __tablename__ = "associations"
    batch_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    essay_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    class_id: Mapped[str] = mapped_column(String(64))
    student_id: Mapped[str] = mapped_column(String(64))
    confidence_score: Mapped[float | None] = mapped_column(Float)
    validation_status: Mapped[str] = mapped_column(String(32))
    validation_method: Mapped[str | None] = mapped_column(String(32))
    validated_by: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)


async def suggested(session: AsyncSession, batch_id: str) -> list[Association]:
    """The associations of a batch, in a fixed order."""
    mine = select(Association).where(Association.batch_id == batch_id).order_by(Association.essay_id)
    return list(await session.scalars(mine))


async def decided(session: AsyncSession, validation: Validation, students: Mapping[str, str]) -> list[Association]:
    """The batch's associations with these students in place of the suggested ones; new ones for essays without."""
    found = {a.essay_id: a for a in await suggested(session, validation.batch_id)}
    for essay_id in validation.essay_ids:
        student = students.get(essay_id)
        if student is None:
            continue
        if essay_id in found:
            found[essay_id].student_id = student
        else:
            found[essay_id] = Association(
                batch_id=validation.batch_id,
                essay_id=essay_id,
                class_id=validation.class_id,
                student_id=student,
                created_at=validation.suggested_at,
            )
            session.add(found[essay_id])
    return [found[essay_id] for essay_id in sorted(found)]


def confirm(
    session: AsyncSession,
    validation: Validation,
    associations: Sequence[Association],
    runtime: Runtime,
    *,
    by: str,
    method: str,
    correlation_id: str,
) -> None:
    """Hop 10: confirms a batch and enqueues the one message that says so."""
    validation.status = CONFIRMED
    for association in associations:
        association.validation_status = CONFIRMED
        association.validation_method = method
        association.validated_by = by
    confirmed = AssociationsConfirmed(
        batch_id=validation.batch_id,
        class_id=validation.class_id,
        course_code=validation.course_code,
        associations=[_said(a, method=method, by=by) for a in associations],
        timeout_triggered=method == "timeout",
    )
    runtime.outbox.enqueue(session, topics.CONFIRMED, confirmed, key=validation.batch_id, correlation_id=correlation_id)


def _said(association: Association, *, method: str, by: str) -> ConfirmedAssociation:
    return ConfirmedAssociation(
        essay_id=association.essay_id,
        student_id=association.student_id,
        confidence_score=association.confidence_score,
        validation_method=method,
        validated_by=by,
    )
