"""The HTTP door of a receiver: POST /v1/traces.

In: connections on loopback. Out: answers of the OTLP specification. A body is read piece by piece, and never more of it
than may be; whoever sends too slowly is cut off; what is decompressed is bounded as it grows.
"""

import asyncio
import logging

from aiohttp import web

from verifier.receiver.answer import MOST_BYTES, TYPES, Answer, Format, busy, too_large, unpacked
from verifier.receiver.intake import Intake

PATH = "/v1/traces"
PATIENCE_S = 15.0
"""How long a request may take to come, from its first byte to its last."""
IDLE_S = 120.0
"""How long a connection may stay open without a request: exporters keep theirs between two batches."""
MOST_CONNECTIONS = 512
QUIET = logging.getLogger("verifier.receiver")
"""What strangers send is answered, and no news."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
AGAIN_S = 1
"""After how many seconds whoever was refused for now should try again."""


class Door:
    """Serves one port; `listen` says which."""

    def __init__(self, intake: Intake, *, patience_s: float = PATIENCE_S) -> None:
        self._intake = intake
        self._patience_s = patience_s
        self._guests: dict[asyncio.BaseTransport, _Guest] = {}
        self._server: asyncio.Server | None = None
        self._web: web.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Begins to serve, and returns the port."""
        loop = asyncio.get_running_loop()
        self._web = web.Server(
            self._answer, auto_decompress=False, keepalive_timeout=IDLE_S, access_log=None, logger=QUIET
        )
        make = self._web
        self._server = await loop.create_server(
            lambda: _Guest(make(), self._guests, self._patience_s), host, port, backlog=MOST_CONNECTIONS
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Ends: what is under way is answered, within a second."""
        if self._server is not None:
            self._server.close()
        if self._web is not None:
            await self._web.shutdown(1.0)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != PATH:
            return _plain(404, f"expected POST {PATH}")
        if request.method != "POST":
            return _plain(405, f"expected POST {PATH}", {"Allow": "POST"})
        format = TYPES.get(request.content_type)
        if format is None:
            answer = Answer(
                status=415, why=f"content type {request.content_type[:80]!r}: expected {' or '.join(TYPES)}"
            )
            return _plain(415, answer.why)
        answer = await self._take(request, format)
        if (guest := self._guest(request)) is not None:
            guest.rest()
        headers = {"Retry-After": str(AGAIN_S)} if answer.again else {}
        response = web.Response(
            status=answer.status, body=answer.body(format), content_type=request.content_type, headers=headers
        )
        if not answer.good:
            response.force_close()  # what is left of the body is not read
        return response

    def _guest(self, request: web.BaseRequest) -> "_Guest | None":
        return self._guests.get(request.transport) if request.transport is not None else None

    async def _take(self, request: web.BaseRequest, format: Format) -> Answer:
        size = request.content_length or 0
        if size > MOST_BYTES:
            return await self._intake.refuse(too_large(), size)
        room = 0
        held: list[bytes] = []
        try:
            async for piece in request.content.iter_chunked(64 << 10):
                if room + len(piece) > MOST_BYTES:
                    return await self._intake.refuse(too_large(), room + len(piece))
                if not self._intake.reserve(len(piece)):
                    return busy()
                room += len(piece)
                held.append(piece)
            if (guest := self._guest(request)) is not None:
                guest.served()
            encoding = request.headers.get("Content-Encoding", "").strip().lower()
            body = await asyncio.to_thread(unpacked, b"".join(held), encoding)
            held.clear()
            if isinstance(body, Answer):
                return await self._intake.refuse(body, room)
            if not self._intake.reserve(more := max(0, len(body) - room)):  # many that are small until unpacked
                return busy()
            room += more
            return await self._intake.take(body, format)
        finally:
            self._intake.release(room)


class _Guest(asyncio.Protocol):
    """A connection with a limit on how long a request takes to come; all else is the server's."""

    def __init__(
        self, inner: asyncio.Protocol, guests: "dict[asyncio.BaseTransport, _Guest]", patience_s: float
    ) -> None:
        self._inner, self._guests, self._patience_s = inner, guests, patience_s
        self._transport: asyncio.Transport | None = None
        self._due: asyncio.TimerHandle | None = None
        self._resting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._guests) >= MOST_CONNECTIONS:
            transport.abort()
            return
        self._guests[transport] = self
        self._wait(self._patience_s)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._resting:
            self._resting = False
            self._wait(self._patience_s)
        if self._transport in self._guests:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport in self._guests else None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        if self._transport is not None and self._guests.pop(self._transport, None) is not None:
            self._inner.connection_lost(exc)

    def served(self) -> None:
        """Its request is here: from now on it is we who take time."""
        self._stop()

    def rest(self) -> None:
        """It was answered, and may wait for the next one."""
        self._resting = True
        self._wait(IDLE_S)

    def _wait(self, seconds: float) -> None:
        self._stop()
        loop = asyncio.get_running_loop()
        self._due = loop.call_later(seconds, self._cut_off)

    def _stop(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _cut_off(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _plain(status: int, why: str, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(status=status, text=f"{why}\n", headers=headers)
    response.force_close()
    return response
