"""Messages that come again, or that nobody should have sent: what every reader of a topic must expect.

In: records that were published. Out: the same bytes once more; or the same data under a new `event_id`, as a sender
does that can't know whether its first try arrived; or a message of one's own making.
"""

import asyncio
import time
from dataclasses import dataclass
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from examples.phase1.events import Envelope
from examples.phase1.records import everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a record is."""

    topic: str
    partition: int
    offset: int


async def again(bootstrap: str, producer: AIOKafkaProducer, *, topic: str, batch_id: str, as_new: bool = False) -> int:
    """Publishes every record of a batch on a topic once more; says how many there were."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=20)
    await client.start()
    try:
        found = (await everything(client)).records
    finally:
        await client.stop()
    mine = [r for r in found if r.topic == topic and r.key == batch_id.encode()]
    for record in mine:
        value = _under_new_id(record) if as_new else record.value
        await producer.send_and_wait(topic, value, key=record.key, headers=list(record.headers))
    return len(mine)


async def publish(producer: AIOKafkaProducer, topic: str, envelope: Envelope) -> Place:
    """Publishes a message without a span, as somebody would who doesn't trace; says where it is."""
    key = envelope.batch_id.encode()
    sent = await producer.send_and_wait(topic, envelope.model_dump_json().encode(), key=key, headers=[])
    return Place(topic=topic, partition=sent.partition, offset=sent.offset)


async def passed(bootstrap: str, *, group: str, place: Place, patience_s: float = 30.0) -> None:
    """Returns when a group is done with the message: it has committed an offset behind it."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    partition = TopicPartition(place.topic, place.partition)
    client.assign([partition])
    await client.start()
    try:
        until = time.monotonic() + patience_s
        while (await client.committed(partition) or 0) <= place.offset:
            if time.monotonic() > until:
                raise TimeoutError(f"{group} is not done with {place} in {patience_s:g} s")
            await asyncio.sleep(0.05)
    finally:
        await client.stop()


def _under_new_id(record: ConsumerRecord) -> bytes:
    envelope = Envelope.model_validate_json(record.value)
    return envelope.model_copy(update={"event_id": str(uuid4())}).model_dump_json().encode()
