"""The records of the topics into a file, as `verifier check --records FILE` reads them.

In: a broker. Out: a first line that says which offsets were read, then a line for each record. It joins no group, so
the services don't notice. `python -m examples.phase1.records HOST:PORT > records.jsonl`.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from examples.phase1 import topics

Offsets = Mapping[TopicPartition, int]
PLACES = [TopicPartition(topic, partition) for topic in topics.ALL for partition in range(topics.PARTITIONS)]


async def ends(bootstrap: str) -> dict[TopicPartition, int]:
    """The offset of the next record of each partition."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await client.start()
    try:
        return dict(await client.end_offsets(PLACES))
    finally:
        await client.stop()


async def read(bootstrap: str, *, since: Offsets | None = None) -> str:
    """All records up to now, from the beginning or from where `since` says, as the lines of a records file."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=20, enable_auto_commit=False)
    await client.start()
    try:
        client.assign(PLACES)
        first = {**await client.beginning_offsets(PLACES), **(since or {})}
        after = await client.end_offsets(PLACES)
        for place in PLACES:
            client.seek(place, first[place])
        found: list[ConsumerRecord] = []
        while [place for place in PLACES if await client.position(place) < after[place]]:
            for batch in (await client.getmany(timeout_ms=200)).values():
                found.extend(record for record in batch if record.offset < after[_place(record)])
    finally:
        await client.stop()
    found.sort(key=lambda record: (record.timestamp, record.topic, record.partition, record.offset))
    return "".join(f"{line}\n" for line in _lines(first, after, found))


def _place(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _lines(first: Offsets, after: Offsets, found: list[ConsumerRecord]) -> Iterator[str]:
    read: dict[str, dict[str, list[int]]] = {}
    for place in PLACES:
        read.setdefault(place.topic, {})[str(place.partition)] = [first[place], after[place]]
    yield json.dumps({"topics": read})
    for record in found:
        yield json.dumps(
            {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "key": record.key and record.key.decode(),
                "headers": [[name, text.decode()] for name, text in record.headers],
                "timestamp_ms": record.timestamp,
                "value": json.loads(record.value),
            }
        )


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(read(sys.argv[1])))
