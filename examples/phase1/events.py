"""What travels on the topics: the envelope, and the data of each event as a pydantic model.

In: JSON from Kafka. Out: checked models; and the attributes by which a message is known on spans.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, Field

from examples.phase1 import topics


class Slot(BaseModel):
    """One essay of a batch, with where its text lies."""

    essay_id: str
    text_storage_id: str


class EssaysRegistered(BaseModel):
    """Hop 2: a batch expects so many essays."""

    entity_id: str
    expected_essay_count: int
    essay_ids: list[str]
    course_code: str
    class_id: str | None
    user_id: str
    org_id: str | None


class ContentProvisioned(BaseModel):
    """Hop 3: one file of a batch was stored."""

    entity_id: str
    file_upload_id: str
    original_file_name: str
    text_storage_id: str


class ContentCompleted(BaseModel):
    """Hop 5: every expected essay of a batch has its text."""

    batch_id: str
    user_id: str
    course_code: str
    expected_count: int
    essays_for_processing: list[Slot]


class MatchingCommand(BaseModel):
    """Hop 6: match the students of a batch."""

    entity_id: str
    class_id: str
    course_code: str
    essays_to_process: list[Slot]


class MatchingRequested(BaseModel):
    """Hop 7: the same, with all that the matching needs."""

    batch_id: str
    class_id: str
    course_code: str
    essays_to_process: list[Slot]


class Suggestion(BaseModel):
    """A student who may have written an essay, and how sure that is."""

    student_id: str
    student_name: str
    confidence_score: float = Field(ge=0, le=1)


class Match(BaseModel):
    """What was found for one essay, best suggestion first."""

    essay_id: str
    suggestions: list[Suggestion]


class MatchesSuggested(BaseModel):
    """Hop 8: who may have written the essays of a batch."""

    batch_id: str
    class_id: str
    course_code: str
    match_results: list[Match]


class ConfirmedAssociation(BaseModel):
    """One essay and the student who wrote it, as a person or the timeout decided."""

    essay_id: str
    student_id: str
    confidence_score: float | None
    validation_method: str
    validated_by: str


class AssociationsConfirmed(BaseModel):
    """Hop 10: it is decided who wrote the essays of a batch."""

    batch_id: str
    class_id: str
    course_code: str
    associations: list[ConfirmedAssociation]
    timeout_triggered: bool


class EssaysReady(BaseModel):
    """Hop 11: every essay of a batch is stored with its student."""

    batch_id: str
    course_code: str
    class_type: str
    ready_essays: list[Slot]


Data = (
    EssaysRegistered
    | ContentProvisioned
    | ContentCompleted
    | MatchingCommand
    | MatchingRequested
    | MatchesSuggested
    | AssociationsConfirmed
    | EssaysReady
)
MODELS: dict[str, type[Data]] = {
    topics.REGISTERED: EssaysRegistered,
    topics.CONTENT: ContentProvisioned,
    topics.COMPLETED: ContentCompleted,
    topics.COMMAND: MatchingCommand,
    topics.REQUESTED: MatchingRequested,
    topics.SUGGESTED: MatchesSuggested,
    topics.CONFIRMED: AssociationsConfirmed,
    topics.READY: EssaysReady,
}


class Envelope(BaseModel):
    """What every message has around its data. A message that is published again gets a new `event_id`."""

    event_id: str = Field(default_factory=lambda: str(uuid4()))
    event_type: str
    event_timestamp: datetime = Field(default_factory=lambda: datetime.now(UTC))
    source_service: str
    correlation_id: str
    data: dict[str, Any]
    metadata: dict[str, str] = Field(default_factory=dict)

    @property
    def batch_id(self) -> str:
        """The batch that it is about."""
        return str(self.data.get("batch_id") or self.data["entity_id"])

    def attributes(self) -> dict[str, str]:
        """How the message is known on spans: its ids, and what it says of the batch."""
        named = {"batch_id": self.batch_id, "event_id": self.event_id, "event_type": self.event_type}
        said = {name: self.data.get(name) for name in ("course_code", "class_id", "class_type", "file_upload_id")}
        named |= {name: str(value) for name, value in said.items() if value is not None}  # also what is empty
        return named | {"correlation_id": self.correlation_id}


def class_type(class_id: str | None) -> str:
    """A batch without a class is a guest's."""
    return "GUEST" if class_id is None else "REGULAR"
