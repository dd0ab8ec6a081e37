"""What is worked from outside: flushing spans, advancing the business clock, and faults.

Only there if the service was started with `--control` or `--faults`; the business knows nothing of it.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from pydantic import BaseModel

from examples.phase1 import tracing
from examples.phase1.consumer import Consumer
from examples.phase1.runtime import Runtime, Service
from examples.phase1.web import body


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a process is made of."""

    service: Service
    runtime: Runtime
    consumer: Consumer


class Advance(BaseModel):
    """By how much the clock is put forward, under a name that all services are told."""

    jump_id: str
    seconds: float


def routes(parts: Parts) -> list[web.RouteDef]:
    """The routes that the options ask for."""
    runtime = parts.runtime

    async def flush(_: web.Request) -> web.Response:
        return web.json_response({"flushed": await asyncio.to_thread(runtime.telemetry.flush)})

    async def advance(request: web.Request) -> web.Response:
        asked = await body(request, Advance)
        tracing.note("clock.advanced", {"jump_id": asked.jump_id, "by": f"{asked.seconds:g}s"})
        runtime.clock.advance(timedelta(seconds=asked.seconds))
        return web.json_response({"now": runtime.clock.now().isoformat()})

    found = []
    if runtime.options.control:
        found += [web.post("/control/flush", flush), web.post("/control/clock", advance)]
    return found
