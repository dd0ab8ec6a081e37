"""What is worked from outside: flushing spans, advancing the business clock, and faults.

Only there if the service was started with `--control` or `--faults`; the business knows nothing of it.
"""

import asyncio
from datetime import timedelta

from aiohttp import web
from pydantic import BaseModel

from examples.phase1 import tracing
from examples.phase1.parts import Parts
from examples.phase1.web import body


class Advance(BaseModel):
    """By how much the clock is put forward, under a name that all services are told."""

    jump_id: str
    seconds: float


class Wanted(BaseModel):
    """The fault that is switched on; None: none is."""

    name: str | None


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
    if runtime.options.faults:
        found.append(_faults(parts))
    return found


def _faults(parts: Parts) -> web.RouteDef:
    from examples.phase1 import breaking, faults  # no service loads them that isn't asked to

    patch = breaking.Patch()

    async def switch(request: web.Request) -> web.Response:
        asked = await body(request, Wanted)
        patch.undo()
        if asked.name is not None:
            known = {name: fault.break_it for name, fault in faults.BY_NAME.items()} | faults.TROUBLES
            known |= {misreport.name: misreport.break_it for misreport in faults.TELEMETRY}
            if asked.name not in known:
                raise web.HTTPNotFound(text=f"no fault {asked.name}")
            known[asked.name](parts, patch)
        return web.json_response({"fault": asked.name})

    return web.post("/control/faults", switch)
