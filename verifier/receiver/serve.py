"""A receiver in a thread of its own: so it runs inside a test, or as a command.

In: a journal's folder, ports (0: any that is free). Out: where it listens. Only loopback is served.
"""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from verifier.errors import UsageError
from verifier.receiver.intake import Intake, Kept
from verifier.receiver.journal import Journal

HOST = "127.0.0.1"
HTTP_PORT, GRPC_PORT = 4318, 4317
NEEDED = "receiving needs the extra: pip install 'flow-verifier[receiver]'"
T = TypeVar("T")


class _Door(Protocol):
    async def listen(self, host: str, port: int) -> int: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a receiver listens: for OTLP over HTTP and over gRPC."""

    http: str
    grpc: str


@dataclass(slots=True, kw_only=True)
class Receiver:
    """Takes spans while it is open, and keeps them in a journal.

    with Receiver(journal=Path("spans")) as endpoints: …

    Raises UsageError where a port is taken, SourceError where the journal can't be written.
    """

    journal: Path
    http_port: int = 0
    grpc_port: int = 0
    on_kept: Kept | None = None
    intake: Intake = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _thread: threading.Thread = field(init=False)
    _doors: list[_Door] = field(default_factory=list, init=False)

    def __enter__(self) -> Endpoints:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> Endpoints:
        """Begins to listen."""
        try:
            from verifier.receiver import grpc, http
        except ImportError as problem:
            raise UsageError(f"{NEEDED} ({problem})") from None
        self.intake = Intake(journal=Journal(folder=self.journal).open(), on_kept=self.on_kept)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receiver", daemon=True)
        self._thread.start()
        try:
            http_port = self._listen(http.Door(self.intake), "HTTP", self.http_port)
            grpc_port = self._listen(grpc.Door(self.intake), "gRPC", self.grpc_port)
        except BaseException:
            self.close()
            raise
        return Endpoints(http=f"http://{HOST}:{http_port}", grpc=f"http://{HOST}:{grpc_port}")

    def close(self) -> None:
        """Answers what is under way, writes it, and ends."""
        for door in self._doors:
            self._run(door.close())
        self._doors.clear()
        if self._loop.is_running():
            self._run(_finish())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self.intake.journal.close()

    def _listen(self, door: _Door, name: str, port: int) -> int:
        self._doors.append(door)
        try:
            return self._run(door.listen(HOST, port))
        except (OSError, OverflowError) as problem:
            said = getattr(problem, "strerror", None) or str(problem)
            raise UsageError(
                f"{name} port {port} of {HOST} can't be used: {said}; stop whoever has it, or give another (0: any)"
            ) from None

    def _run(self, task: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result()


async def _finish() -> None:
    """Ends what still waits for somebody."""
    waiting = asyncio.all_tasks() - {asyncio.current_task()}
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


__all__ = ["GRPC_PORT", "HTTP_PORT", "Endpoints", "Receiver"]
