"""file_service, as thin as can be: keeps the texts of a batch and says so on the content topic.

It is a part of the driver, in the driver's process, yet reports spans under its own name.
"""

from collections.abc import Sequence
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from examples.phase1 import topics
from examples.phase1.contents import Contents
from examples.phase1.events import ContentProvisioned, Envelope
from examples.phase1.tracing import Tracing, carried

NAME = "file_service"


class FileService:
    """Takes files of a batch."""

    def __init__(self, producer: AIOKafkaProducer, contents: Contents, tracing: Tracing) -> None:
        self._producer = producer
        self._contents = contents
        self._tracing = tracing

    async def upload(self, batch_id: str, texts: Sequence[str], *, correlation_id: str) -> list[Envelope]:
        """Keeps each text and publishes hop 3 for it; returns what it published."""
        with (
            carried(correlation_id=correlation_id),
            self._tracing.span("files.upload", batch_id=batch_id, correlation_id=correlation_id),
        ):
            sent = [self._provisioned(batch_id, text, number, correlation_id) for number, text in enumerate(texts, 1)]
            for envelope in sent:
                await self._tracing.publish(self._producer, topics.CONTENT, envelope, key=batch_id)
        return sent

    def _provisioned(self, batch_id: str, text: str, number: int, correlation_id: str) -> Envelope:
        data = ContentProvisioned(
            entity_id=batch_id,
            file_upload_id=str(uuid4()),
            original_file_name=f"essay_{number}.txt",
            text_storage_id=self._contents.put(text),
        )
        return Envelope(
            event_type=topics.CONTENT,
            source_service=NAME,
            correlation_id=correlation_id,
            data=data.model_dump(mode="json"),
        )
