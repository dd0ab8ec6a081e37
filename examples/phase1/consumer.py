"""Handling messages: each partition in order, each batch by one handler at a time, each message's effects once.

In: a consumer's records. For each one: was it handled already? must something come first? Then, in one transaction,
the handler's changes, its outgoing messages and the note that it was handled; then the offset is committed. A handler
that fails is tried again until it works: nothing behind it in the partition is handled before it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from examples.phase1.events import Envelope
from examples.phase1.inbox import AlreadyHandled, Inbox
from examples.phase1.store import Store
from examples.phase1.tracing import Tracing, carried

log = logging.getLogger(__name__)
Handler = Callable[[AsyncSession, Envelope], Awaitable[None]]
Condition = Callable[[AsyncSession, Envelope], Awaitable[bool]]
IN_HAND = 100
"""So many records of a partition are taken from the broker ahead of their handling."""
ASK_AGAIN_S = 0.02
RETRY_S = (0.1, 0.2, 0.5, 1.0)


class Handling(Protocol):
    """What is asked of a service; asked anew for each message."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What is done with the messages of each topic."""

    @property
    def waits_for(self) -> Mapping[str, Condition]:
        """A topic's messages are handled when their condition holds."""


class Consumer(ConsumerRebalanceListener):
    """Hands the records of a group member to their handlers.

    Messages that wait for something are handled after `patience_s` all the same, and their handler says what it thinks
    of it.
    """

    def __init__(
        self,
        client: AIOKafkaConsumer,
        *,
        group: str,
        service: Handling,
        store: Store,
        inbox: Inbox,
        tracing: Tracing,
        patience_s: float,
    ) -> None:
        self.assigned = asyncio.Event()
        self._client = client
        self._group = group
        self._service = service
        self._store = store
        self._inbox = inbox
        self._tracing = tracing
        self._patience_s = patience_s
        self._lanes: dict[TopicPartition, Lane] = {}
        self._batches: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # those somebody waits for
        client.subscribe(list(service.handlers), listener=self)

    async def run(self) -> None:
        """Handles records until it is cancelled; then finishes what is in hand."""
        try:
            async for record in self._client:
                place = TopicPartition(record.topic, record.partition)
                if place not in self._lanes:
                    self._lanes[place] = Lane(self._handle)
                await self._lanes[place].put(record)
        finally:
            await self._close(list(self._lanes))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Others will handle these: finishes the record in hand, forgets the rest."""
        await self._close(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """It is part of the group."""
        self.assigned.set()

    async def _close(self, places: Collection[TopicPartition]) -> None:
        lanes = [self._lanes.pop(place) for place in places if place in self._lanes]
        await asyncio.gather(*(lane.close() for lane in lanes))

    async def _handle(self, record: ConsumerRecord, lane: "Lane") -> None:
        try:
            envelope = Envelope.model_validate_json(record.value)
        except ValidationError as problem:
            log.error("%s %s:%s is no message: %s", record.topic, record.partition, record.offset, problem)
        else:
            attempt = 0
            while not lane.closing:
                if await self._attempt(record, envelope, lane):
                    break
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1
            else:
                return
        await self._commit(record)

    async def _attempt(self, record: ConsumerRecord, envelope: Envelope, lane: "Lane") -> bool:
        """Whether the message is done with."""
        try:
            async with self._turn(record, envelope, lane) as mine:
                if not mine:
                    return False
                if await self._inbox.knows(envelope.event_id):
                    with self._tracing.process(record, envelope, group=self._group, verb="drop"):
                        return True
                with self._tracing.process(record, envelope, group=self._group):
                    await self._effects(record.topic, envelope)
                await self._inbox.committed(envelope.event_id)
        except ValidationError as problem:
            log.error("%s of batch %s is no such message: %s", record.topic, envelope.batch_id, problem)
        except Exception as problem:  # whatever it is, the message isn't lost: it is tried again
            log.warning("%s of batch %s failed: %r", record.topic, envelope.batch_id, problem)
            return False
        return True

    async def _effects(self, topic: str, envelope: Envelope) -> None:
        with carried(correlation_id=envelope.correlation_id):
            try:
                async with self._store.transaction() as session:
                    await self._inbox.remember(session, envelope.event_id)
                    await self._service.handlers[topic](session, envelope)
            except AlreadyHandled:
                log.info("%s was handled by another replica", envelope.event_id)

    @asynccontextmanager
    async def _turn(self, record: ConsumerRecord, envelope: Envelope, lane: "Lane") -> AsyncIterator[bool]:
        """The batch, for this message alone, when what must come first has come; False if the lane closes."""
        condition = self._service.waits_for.get(record.topic)
        deadline = time.monotonic() + self._patience_s
        lock = self._batches.setdefault(envelope.batch_id, asyncio.Lock())
        while True:
            async with lock:
                if condition is None or time.monotonic() > deadline or await self._holds(condition, envelope):
                    yield True
                    return
            if lane.closing:
                yield False
                return
            await asyncio.sleep(ASK_AGAIN_S)

    async def _holds(self, condition: Condition, envelope: Envelope) -> bool:
        async with self._store.transaction() as session:
            return await condition(session, envelope)

    async def _commit(self, record: ConsumerRecord) -> None:
        place = TopicPartition(record.topic, record.partition)
        try:
            await self._client.commit({place: OffsetAndMetadata(record.offset + 1, "")})
        except KafkaError as problem:  # after a rebalance: somebody will get it again, and drop it
            log.info("could not commit %s: %s", place, problem)


class Lane:
    """The records of one partition, one after the other."""

    def __init__(self, handle: Callable[[ConsumerRecord, "Lane"], Awaitable[None]]) -> None:
        self.closing = False
        self._queue: asyncio.Queue[ConsumerRecord | None] = asyncio.Queue(IN_HAND)
        self._task = asyncio.create_task(self._run(handle))

    async def put(self, record: ConsumerRecord) -> None:
        """Waits while too many are in hand."""
        await self._queue.put(record)

    async def close(self) -> None:
        """Returns when the record in hand is done; those behind it are forgotten."""
        self.closing = True
        while not self._queue.empty():
            self._queue.get_nowait()
        await self._queue.put(None)
        await self._task

    async def _run(self, handle: Callable[[ConsumerRecord, "Lane"], Awaitable[None]]) -> None:
        while (record := await self._queue.get()) is not None and not self.closing:
            await handle(record, self)
