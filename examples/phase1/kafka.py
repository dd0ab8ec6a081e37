"""Kafka clients with settings that survive outages, for the embedded broker and for a real one.

`python -m examples.phase1.kafka HOST:PORT` makes the topics that a broker lacks.

In: an address. Out: producers and consumers of aiokafka that lose nothing and wait for a broker that is away.
Why each setting is as it is, is said beside it.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, TopicAlreadyExistsError
from aiokafka.structs import OffsetAndMetadata

from examples.phase1 import topics as names

LONGEST_OUTAGE_MS = 40_000
"""A send that takes longer than a request may, fails, and may have been stored all the same: be patient."""


class WaitForFollowers(RangePartitionAssignor):
    """For the embedded broker, which wants the followers of a group to have asked before the leader answers."""

    @classmethod
    def assign(cls, cluster: Any, members: Mapping[str, Any]) -> Any:
        """The range plan, a little later."""
        plan = super().assign(cluster, members)
        if len(members) > 1:
            time.sleep(0.3)
        return plan


def producer(bootstrap: str) -> AIOKafkaProducer:
    """One that stores each message once for as long as it lives, in the order it was given them."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=LONGEST_OUTAGE_MS,
    )


def consumer(bootstrap: str, *, group: str, replica: str, embedded: bool) -> AIOKafkaConsumer:
    """One of a group; it says itself what it has handled. Partitions of one number go to one member (range plan)."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        client_id=f"{group}-{replica}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=LONGEST_OUTAGE_MS,
        fetch_max_wait_ms=20,
        **_membership(group, replica, embedded),
    )


def _membership(group: str, replica: str, embedded: bool) -> dict[str, Any]:
    if embedded:  # it has no static membership; a short session brings a killed service back in two seconds
        plan = {"partition_assignment_strategy": (WaitForFollowers,)}
        return {"session_timeout_ms": 1500, "heartbeat_interval_ms": 300, **plan}
    plan = {"partition_assignment_strategy": (RangePartitionAssignor,)}
    # A static member that returns gets its partitions back at once.
    return {
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 1000,
        "group_instance_id": f"{group}-{replica}",
        **plan,
    }


async def create_topics(bootstrap: str, topics: tuple[str, ...], *, partitions: int) -> None:
    """Makes the topics that a real broker lacks, all with the same number of partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        wanted = [NewTopic(t, num_partitions=partitions, replication_factor=1) for t in topics if t not in there]
        if wanted:
            await admin.create_topics(wanted)
    except TopicAlreadyExistsError:
        pass  # somebody else was faster
    finally:
        await admin.close()


async def skip(bootstrap: str, *, group: str, to: Mapping[TopicPartition, int], patience_s: float = 20.0) -> None:
    """Lets a group begin at these offsets: what was there before is not for it.

    Its static members of an earlier run count as members until their session is over: it waits for that.
    """
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await client.start()
    try:
        client.assign(list(to))
        until = time.monotonic() + patience_s
        while True:
            try:
                await client.commit({place: OffsetAndMetadata(offset, "") for place, offset in to.items()})
                return
            except CommitFailedError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)
    finally:
        await client.stop()


async def started(client: AIOKafkaConsumer | AIOKafkaProducer, *, patience_s: float = 60.0) -> None:
    """Starts a client, and again for as long as the broker is away."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            await client.start()
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


class OncePerSecond(logging.Filter):
    """aiokafka logs hundreds of lines a second while a broker is away: one a second is enough to know."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a second has passed since the last line."""
        if record.created - self._last < 1:
            return False
        self._last = record.created
        return True


def quieten_logs() -> None:
    """Applies that to aiokafka's loggers. (A filter on the parent wouldn't see its children's lines.)"""
    once = OncePerSecond()
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("aiokafka"):
            logging.getLogger(name).addFilter(once)


if __name__ == "__main__":
    asyncio.run(create_topics(sys.argv[1], names.ALL, partitions=names.PARTITIONS))
