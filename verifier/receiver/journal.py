"""A journal: requests as they came, in files that are only ever appended to.

In: the bytes of requests. Out: segments `requests-000001.otlp` in a folder, each request behind its length in four
bytes (big-endian), as the collector's file exporter writes them; so whoever reads such files reads a journal.

A request is kept when `append` says so: it was written and synced, together with all that came at the same time. What
a crash cuts off at the end of a segment was never said to be kept. One process writes a journal at a time; each begins
a new segment.
"""

import os
import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from verifier.errors import SourceError

SEGMENT_BYTES = 64 << 20
"""How large a segment gets before the next one begins."""
MOST_WAITING_BYTES = 128 << 20
"""How much may wait to be written; more is refused for now."""
_NAME = re.compile(r"requests-(\d{6,})\.otlp")


class FullError(Exception):
    """More waits to be written than may wait."""


@dataclass(slots=True, kw_only=True)
class Journal:
    """Appends requests to a folder, which is made if it isn't there. SourceError if it can't be written."""

    folder: Path
    segment_bytes: int = SEGMENT_BYTES
    _waiting: list[tuple[bytes, "Future[None]"]] = field(default_factory=list, init=False)
    _bytes: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)
    _awake: threading.Condition = field(default_factory=threading.Condition, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _lock: int = field(default=-1, init=False)
    _file: int = field(default=-1, init=False)
    _size: int = field(default=0, init=False)
    _number: int = field(default=0, init=False)

    def open(self) -> "Journal":
        """Begins a new segment; SourceError if the folder can't be written, or another process writes it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder, os.O_RDONLY)
            numbers = [int(m[1]) for path in self.folder.iterdir() if (m := _NAME.fullmatch(path.name))]
        except OSError as problem:
            raise SourceError(
                f"{self.folder}: can't be used as a journal: {problem.strerror}; expected a folder that you may write"
            ) from None
        try:
            self._take_lock()
            self._number = max(numbers, default=0)
            self._next()
        except BaseException:
            os.close(self._lock)
            raise
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()
        return self

    def append(self, request: bytes) -> "Future[None]":
        """Keeps a request; the future is done when it is on the disk. FullError if too much waits."""
        done: Future[None] = Future()
        with self._awake:
            if self._closed or (self._waiting and self._bytes + len(request) > MOST_WAITING_BYTES):
                raise FullError
            self._waiting.append((request, done))
            self._bytes += len(request)
            self._awake.notify()
        return done

    def close(self) -> None:
        """Writes what waits, and ends."""
        with self._awake:
            self._closed = True
            self._awake.notify()
        if self._thread is not None:
            self._thread.join()
        for fd in (self._file, self._lock):
            if fd >= 0:
                os.close(fd)
        self._file = self._lock = -1
        last = self._path()
        if last.exists() and not last.stat().st_size:
            last.unlink()

    def _take_lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SourceError(
                f"{self.folder}: another process writes this journal, expected one at a time; stop it, or give another "
                "folder"
            ) from None

    def _path(self) -> Path:
        return self.folder / f"requests-{self._number:06d}.otlp"

    def _next(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._number += 1
        self._size = 0
        try:
            self._file = os.open(self._path(), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        except OSError as problem:
            raise SourceError(
                f"{self._path()}: can't be written: {problem.strerror}; expected a folder that you may write"
            ) from None
        os.fsync(self._lock)  # that the file is there is kept too

    def _write(self) -> None:
        while True:
            with self._awake:
                while not self._waiting and not self._closed:
                    self._awake.wait()
                group, self._waiting = self._waiting, []
                self._bytes = 0
            if not group:
                return
            try:
                self._keep(b"".join(len(request).to_bytes(4, "big") + request for request, _ in group))
            except (OSError, SourceError) as problem:
                for _, done in group:
                    done.set_exception(problem)
                continue
            for _, done in group:
                done.set_result(None)

    def _keep(self, frames: bytes) -> None:
        """Writes and syncs whole frames; what was written of them is taken back if that fails."""
        if self._size and self._size + len(frames) > self.segment_bytes:
            self._next()
        try:
            view = memoryview(frames)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(frames)
