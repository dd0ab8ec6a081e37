"""The records of the topics into a file, as `verifier check --records FILE` reads them.

In: a broker. Out: a first line that says which offsets were read, then a line for each record. It joins no group, so
the services don't notice. `python -m examples.phase1.records HOST:PORT > records.jsonl`.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from examples.phase1 import topics

Offsets = Mapping[TopicPartition, int]
PLACES = [TopicPartition(topic, partition) for topic in topics.ALL for partition in range(topics.PARTITIONS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """Records, and between which offsets they are all that there is."""

    records: list[ConsumerRecord]
    first: Offsets
    after: Offsets


async def ends(bootstrap: str) -> Offsets:
    """The offset of the next record of each partition."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await client.start()
    try:
        return dict(await client.end_offsets(PLACES))
    finally:
        await client.stop()


async def read(bootstrap: str, *, since: Offsets | None = None) -> str:
    """All records up to now, from the beginning or from where `since` says, as the lines of a records file."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=20)
    await client.start()
    try:
        return "".join(f"{line}\n" for line in _lines(await everything(client, since=since)))
    finally:
        await client.stop()


async def everything(client: AIOKafkaConsumer, *, since: Offsets | None = None) -> Everything:
    """All records up to now, in the order of their times."""
    client.assign(PLACES)
    first = {**await client.beginning_offsets(PLACES), **(since or {})}
    after = await client.end_offsets(PLACES)
    for place in PLACES:
        client.seek(place, first[place])
    found: list[ConsumerRecord] = []
    while [place for place in PLACES if await client.position(place) < after[place]]:
        for place, records in (await client.getmany(timeout_ms=200)).items():
            found.extend(record for record in records if record.offset < after[place])
    found.sort(key=lambda record: (record.timestamp, record.topic, record.partition, record.offset))
    return Everything(records=found, first=first, after=after)


def _lines(read: Everything) -> Iterator[str]:
    spoken: dict[str, dict[str, list[int]]] = {}
    for place in PLACES:
        spoken.setdefault(place.topic, {})[str(place.partition)] = [read.first[place], read.after[place]]
    yield json.dumps({"topics": spoken})
    for record in read.records:
        yield json.dumps(
            {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "key": record.key and record.key.decode(),
                "headers": [[name, text.decode()] for name, text in record.headers],
                "timestamp_ms": record.timestamp,
                "timestamp_type": "LogAppendTime" if record.timestamp_type else "CreateTime",
                "value": json.loads(record.value),
            }
        )


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(read(sys.argv[1])))
