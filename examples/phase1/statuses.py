"""The state machine of a batch: where it may go from where.

In: a status and where somebody wants it. Out: whether it may. Who asks leaves the answer on the current span, whatever
it is: the event `batch.status.transition`.
"""

from enum import StrEnum


class Status(StrEnum):
    """Where a batch is."""

    AWAITING_CONTENT = "awaiting_content_validation"
    AWAITING_STUDENTS = "awaiting_student_validation"
    STUDENTS_CONFIRMED = "student_validation_completed"
    READY = "ready_for_pipeline_execution"
    CONTENT_FAILED = "content_ingestion_failed"
    FAILED = "failed_critically"
    CANCELLED = "cancelled"


ANYWHERE = frozenset({Status.FAILED, Status.CANCELLED})
REGULAR = {
    Status.AWAITING_CONTENT: {Status.AWAITING_STUDENTS, Status.CONTENT_FAILED},
    Status.AWAITING_STUDENTS: {Status.STUDENTS_CONFIRMED},
    Status.STUDENTS_CONFIRMED: {Status.READY},
}
GUEST = {Status.AWAITING_CONTENT: {Status.READY, Status.CONTENT_FAILED}}
ENDED = frozenset({Status.CONTENT_FAILED, *ANYWHERE})


def may_move(class_type: str, before: Status, after: Status) -> bool:
    """Whether a batch of this class type may go from one status to the other."""
    moves = REGULAR if class_type == "REGULAR" else GUEST
    return before not in ENDED and (after in ANYWHERE or after in moves.get(before, ()))
