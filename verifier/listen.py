"""`--spans otlp://HOST:PORT`: spans that come while `check` waits, judged until the answer is final.

In: the address, where to keep what comes, how to judge it, a deadline. Out: the last judgement. Ctrl-C ends the
waiting, not the judging.

    receive ─> judge ─> final? else wait for more ─> deadline: judge as it is
"""

import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from verifier.errors import SourceError, UsageError
from verifier.receiver import Receiver
from verifier.sources import read_spans
from verifier.spans import Reading
from verifier.verdict import Report, Verdict

SCHEME = "otlp://"
DEADLINE = "30s"
GRPC_PORT, HTTP_PORT = 4317, 4318
LOOK_S = 0.5
"""So long at least between two judgements."""
_PLACE = re.compile(r"(127\.0\.0\.1|localhost):([0-9]{1,5})/?")


@dataclass(slots=True, kw_only=True)
class Listening:
    """A receiver, and what it has kept so far in `folder`."""

    folder: Path
    _more: threading.Event = field(default_factory=threading.Event)
    _stopped: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing has come."""
        return not any(path.stat().st_size for path in self.folder.glob("*.otlp"))

    def reading(self) -> Reading:
        """The spans that have come."""
        return Reading(url=str(self.folder)) if self.empty else read_spans(str(self.folder))

    def judged(self, judge: Callable[[], Report], *, deadline_s: float, early: bool) -> Report:
        """The judgement at the deadline; before it if it is `early` that an answer may be final."""
        end = time.monotonic() + deadline_s
        with self._until_ctrl_c():
            while not self._stopped and (left := end - time.monotonic()) > 0:
                if not early:
                    self._more.wait(left)
                    self._more.clear()
                    continue
                self._more.clear()
                report = judge()
                if _final(report):
                    return report
                time.sleep(min(LOOK_S, left))
                self._more.wait(max(0.0, end - time.monotonic()))
        return judge()

    def kept(self, _: object) -> None:
        """Something came."""
        self._more.set()

    @contextmanager
    def _until_ctrl_c(self) -> Iterator[None]:
        def stop(*_: object) -> None:
            self._stopped = True
            self._more.set()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def listening(url: str, *, journal: str | None) -> Iterator[Listening]:
    """Receives at the address for as long as the block lasts; says on standard error where.

    Without a `journal` spans are kept in a new folder of the system's place for temporary files. UsageError or
    SourceError if that can't be done.
    """
    http_port, grpc_port = ports(url)
    folder = Path(journal) if journal else Path(tempfile.mkdtemp(prefix="flow-verifier-spans-"))
    here = Listening(folder=folder)
    try:
        with Receiver(journal=folder, http_port=http_port, grpc_port=grpc_port, on_kept=here.kept) as endpoints:
            if sys.stderr is not None:
                sys.stderr.write(f"receiving: http={endpoints.http} grpc={endpoints.grpc} journal={folder}\n")
                sys.stderr.flush()
            yield here
    except (UsageError, SourceError):
        if journal is None:
            forget(folder)
        raise


def forget(folder: Path) -> None:
    """Removes what was kept."""
    shutil.rmtree(folder, ignore_errors=True)


def ports(url: str) -> tuple[int, int]:
    """(HTTP, gRPC) of an address: its port is that of HTTP, but 4317 is gRPC's wherever there is OTLP; 0 is any."""
    found = _PLACE.fullmatch(url.removeprefix(SCHEME))
    if found is None or int(found[2]) > 65535:
        raise UsageError(
            f"--spans {url}: expected otlp://127.0.0.1:PORT, e.g. otlp://127.0.0.1:4318; only this machine is served"
        )
    port = int(found[2])
    if port in (GRPC_PORT, HTTP_PORT):
        return HTTP_PORT, GRPC_PORT
    return port, 0


def _final(report: Report) -> bool:
    """Whether nothing that may still come can change it; across flows a further one always may."""
    return report.verdict in (Verdict.SATISFIED, Verdict.VIOLATED) and not report.run_assertions
