"""Running a service: a process that reads its topics, answers HTTP and relays its outbox.

In: a service, which is its name, its handlers and its routes. Out: one line on standard output when it is ready,
`{"ready": true, "url": …}`. SIGTERM stops it in order: what is in hand is finished, what is in the outbox is sent,
and the spans are flushed.
"""

import asyncio
import json
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from aiohttp import web

from examples.phase1 import control, kafka, options
from examples.phase1.consumer import Consumer
from examples.phase1.options import Options
from examples.phase1.parts import Parts
from examples.phase1.runtime import Runtime, Service, opened
from examples.phase1.web import traced

LAST_WORDS_S = 5.0


def main(create: Callable[[Runtime], Service], name: str) -> None:
    """Runs a service until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    kafka.quieten_logs()
    asyncio.run(_run(create, name, options.parse(name)))


async def _run(create: Callable[[Runtime], Service], name: str, given: Options) -> None:
    async with opened(name, given) as runtime, AsyncExitStack() as closing:
        service = create(runtime)
        await runtime.store.create_tables()
        client = kafka.consumer(given.kafka, group=name, replica=given.replica, embedded=given.embedded)
        consumer = Consumer(
            client,
            group=name,
            service=service,
            store=runtime.store,
            inbox=runtime.inbox,
            tracing=runtime.tracing,
            patience_s=given.patience.total_seconds(),
        )
        await kafka.started(client)
        closing.push_async_callback(client.stop)
        app = web.Application(middlewares=[traced(runtime.tracing)])
        app.add_routes(
            [
                web.get("/healthz", _health(consumer)),
                *service.routes,
                *control.routes(Parts(service, runtime, consumer)),
            ]
        )
        url = await _listen(app, given, closing)
        await _until_told_to_stop([consumer.run, runtime.relay.run, *service.tasks], consumer, url)
        with suppress(TimeoutError):
            await asyncio.wait_for(runtime.relay.drain(), timeout=LAST_WORDS_S)


def _health(consumer: Consumer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        ready = consumer.assigned.is_set()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    return answer


async def _listen(app: web.Application, given: Options, closing: AsyncExitStack) -> str:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    closing.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, given.host, given.port)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _until_told_to_stop(tasks: list[Callable[[], Awaitable[None]]], consumer: Consumer, url: str) -> None:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    running = [asyncio.ensure_future(task()) for task in tasks]
    told = asyncio.create_task(stop.wait())
    ready = asyncio.create_task(_say_when_ready(consumer, url))
    ended, _ = await asyncio.wait([*running, told], return_when=asyncio.FIRST_COMPLETED)
    for task in (*running, told, ready):
        task.cancel()
    await asyncio.gather(*running, told, ready, return_exceptions=True)
    for task in ended - {told}:  # a task that ends by itself has failed: so does the process
        task.result()
        raise RuntimeError(f"{task} ended")


async def _say_when_ready(consumer: Consumer, url: str) -> None:
    await consumer.assigned.wait()
    print(json.dumps({"ready": True, "url": url}), flush=True)  # noqa: T201  whoever started it waits for this line
