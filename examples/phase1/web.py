"""HTTP of a service: every change that somebody asks for is answered inside a span, under a correlation id.

Reading (GET) leaves no span: clients ask again and again how a batch is.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

from aiohttp import web
from aiohttp.typedefs import Middleware
from opentelemetry.trace import Span
from pydantic import BaseModel, ValidationError

from examples.phase1.tracing import Tracing, failed

CORRELATION = "X-Correlation-ID"
UNTRACED = ("/control/flush", "/control/faults")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Model = TypeVar("Model", bound=BaseModel)
correlation_id = web.RequestKey("correlation_id", str)


def traced(tracing: Tracing) -> Middleware:
    """The middleware that does it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Answer) -> web.StreamResponse:
        request[correlation_id] = request.headers.get(CORRELATION) or str(uuid4())
        if request.method == "GET" or request.path in UNTRACED:
            return await handler(request)
        with tracing.serve(request.method, request.path, correlation_id=request[correlation_id]) as span:
            return await _answered(request, handler, span)

    return middleware


async def _answered(request: web.Request, answer: Answer, span: Span) -> web.StreamResponse:
    try:
        response = await answer(request)
    except web.HTTPException as refusal:
        span.set_attribute("http.response.status_code", refusal.status)
        response = web.json_response({"error": refusal.text}, status=refusal.status)
    except Exception:
        span.set_attribute("http.response.status_code", 500)
        raise
    span.set_attribute("http.response.status_code", response.status)
    if response.status >= 500:
        failed(f"answered {response.status}")
    return response


async def body(request: web.Request, model: type[Model]) -> Model:
    """The request's JSON, checked; 400 with what is wrong with it."""
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as problem:
        raise web.HTTPBadRequest(text=str(problem)) from problem
