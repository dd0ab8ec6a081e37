"""What a service is, and what it is given to work with.

In: options. Out: a `Runtime`: database, outbox and inbox, clock, tracing and Kafka clients of one process, all of
which are closed when its `async with` ends, in the order that loses nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp import web

from examples.phase1 import kafka, telemetry
from examples.phase1.clock import Clock
from examples.phase1.consumer import Condition, Handler
from examples.phase1.events import Envelope
from examples.phase1.inbox import Cache, Inbox
from examples.phase1.options import Options
from examples.phase1.outbox import Outbox, Relay
from examples.phase1.store import Store
from examples.phase1.telemetry import Telemetry
from examples.phase1.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What a service is given."""

    options: Options
    store: Store
    outbox: Outbox
    inbox: Inbox
    relay: Relay
    clock: Clock
    telemetry: Telemetry
    http: aiohttp.ClientSession

    @property
    def tracing(self) -> Tracing:
        """For spans that are neither a message's nor a request's."""
        return self.telemetry.tracing


class Service(Protocol):
    """What a service is."""

    name: str

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Which topics it reads, and what it does with their messages."""

    @property
    def waits_for(self) -> Mapping[str, Condition]:
        """Which topics' messages must wait until something else has been handled."""

    @property
    def routes(self) -> Iterable[web.RouteDef]:
        """What it answers by HTTP."""

    @property
    def tasks(self) -> Iterable[Callable[[], Awaitable[None]]]:
        """What it does all the time besides."""


@asynccontextmanager
async def opened(name: str, given: Options) -> AsyncIterator[Runtime]:
    """The runtime of one process; waits for a broker that is away."""
    async with AsyncExitStack() as closing:
        traces = telemetry.start(
            name,
            endpoint=given.otlp,
            folder=given.spans,
            own_spans=given.own_spans,
            library_spans=given.library_spans,
        )
        closing.push_async_callback(asyncio.to_thread, traces.stop)  # last of all: everything before leaves spans
        store = Store(given.database)
        closing.push_async_callback(store.close)
        producer = kafka.producer(given.kafka)
        await kafka.started(producer)
        closing.push_async_callback(producer.stop)

        async def send(topic: str, envelope: Envelope, key: str) -> None:
            await traces.tracing.publish(producer, topic, envelope, key=key)

        relay = Relay(store, send, tracing=traces.tracing, name=f"{name}-{given.replica}")
        yield Runtime(
            options=given,
            store=store,
            outbox=Outbox(name, committed=relay.wake),
            inbox=Inbox(store, service=name, cache=_cache(given.redis, closing)),
            relay=relay,
            clock=Clock(given.clock_ahead),
            telemetry=traces,
            http=await closing.enter_async_context(aiohttp.ClientSession()),
        )


def _cache(url: str | None, closing: AsyncExitStack) -> Cache | None:
    if url is None:
        return None
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(url)
    closing.push_async_callback(client.aclose)
    return client
