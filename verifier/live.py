"""Spans as they come, judged until the answer is final: what the pytest plugin gives to a test.

In: a receiver of its own, shapes, a deadline; who can be asked to send what it still holds. Out: a `Report`; or
`Violation` and `Inconclusive`, whose first line is the whole story and whose last is the command that judges it again.

    ask services to flush ─> read what was kept ─> judge ─> final? else wait for more, until the deadline
"""

import inspect
import shlex
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from verifier.engine.complete import parse_assume
from verifier.errors import Inconclusive, SourceError, UsageError, Violation
from verifier.flows import Flow, gather
from verifier.receiver import Endpoints, Receiver
from verifier.run import check, read
from verifier.shape import AttributeName, Correlation, Shape, duration_ns
from verifier.sources import read_spans
from verifier.spans import Reading
from verifier.specfile import loaded
from verifier.verdict import FlowVerdict, Report, RunVerdict, Verdict
from verifier.wording import count

WAIT_S = 0.1
"""How long at most nothing is looked at while more is waited for."""
OPTIONS = {"correlation_ids": "--correlation-id", "at": "--at"}
Flush = Callable[[], object] | Callable[[], Awaitable[object]]
Shapes = str | Path | Shape | Sequence[str | Path | Shape]


@dataclass(slots=True, kw_only=True)
class Traces:
    """A receiver on free ports, and judgements of what it received.

    `endpoint` takes OTLP over HTTP, `grpc_endpoint` over gRPC. What came is kept in `folder`. `assume` is the premise;
    without one it is `complete` if every service was registered with `on_flush`, else spans may still be on their way.
    """

    folder: Path
    assume: str | None = None
    endpoint: str = field(default="", init=False)
    grpc_endpoint: str = field(default="", init=False)
    last: Report | None = field(default=None, init=False)
    again: str | None = field(default=None, init=False)
    _receiver: Receiver | None = field(default=None, init=False)
    _more: threading.Event = field(default_factory=threading.Event, init=False)
    _flushes: list[Flush] = field(default_factory=list, init=False)
    _source: str | None = field(default=None, init=False)
    _records: list[str] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        self._receiver = Receiver(journal=self.folder, on_kept=lambda _: self._more.set())
        endpoints: Endpoints = self._receiver.open()
        self.endpoint, self.grpc_endpoint = endpoints.http, endpoints.grpc
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None

    def env(self) -> dict[str, str]:
        """The variables by which an OpenTelemetry SDK in a child process sends its spans here, soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_TRACES_SAMPLER": "always_on",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def on_flush(self, flush: Flush) -> None:
        """How to make a service send all that it still holds: called before each look; it may be a coroutine function.

        With it, what is not there by then is taken as not having happened: the premise `complete`.
        """
        self._flushes.append(flush)

    def source(self, url: str) -> None:
        """Judge the spans of this source instead of what is received."""
        self._source = url

    def records(self, url: str) -> None:
        """Kafka records to judge by, beside the spans; read anew at each look. Repeat for more."""
        self._records.append(url)

    def flow(self, key: str, *, by: str = "batch_id") -> Flow:
        """What was received of one flow so far; KeyError if nothing was."""
        evidence = read(self._spans(), self._records)
        return gather(evidence.spans, evidence.records, correlation=Correlation(key=AttributeName(by))).flows[key]

    def check(self, shapes: Shapes, *, flow: str | Sequence[str] | None = None, **options: Any) -> Report:
        """Judges what was received so far, once; `options` are those of `verifier.check`."""
        self._flush_now()
        return self._judged(loaded(shapes), _named(shapes), flow, options)

    def verify(
        self, shapes: Shapes, *, flow: str | Sequence[str] | None = None, deadline: str = "20s", **options: Any
    ) -> Report:
        """Waits until the answer is final, at most until the deadline.

        Raises Violation with the whole story where a flow went wrong, Inconclusive where that can't be told by then.
        """
        judged_by, end = loaded(shapes), time.monotonic() + _seconds(deadline)
        while True:
            self._more.clear()
            self._flush_now()
            report = self._judged(judged_by, _named(shapes), flow, options)
            if self._final(report) or time.monotonic() >= end:
                return self._answer(report, deadline)
            self._more.wait(min(WAIT_S, max(0.0, end - time.monotonic())))

    async def averify(
        self, shapes: Shapes, *, flow: str | Sequence[str] | None = None, deadline: str = "20s", **options: Any
    ) -> Report:
        """The same for async tests: the event loop goes on meanwhile."""
        import asyncio

        judged_by, end = loaded(shapes), time.monotonic() + _seconds(deadline)
        while True:
            self._more.clear()
            for flush in self._flushes:
                said = flush()
                if inspect.isawaitable(said):
                    await said
            report = await asyncio.to_thread(self._judged, judged_by, _named(shapes), flow, options)
            if self._final(report) or time.monotonic() >= end:
                return self._answer(report, deadline)
            await asyncio.to_thread(self._more.wait, min(WAIT_S, max(0.0, end - time.monotonic())))

    # ---- one look

    def _flush_now(self) -> None:
        for flush in self._flushes:
            said = flush()
            if inspect.isawaitable(said):
                _closed(said)
                raise UsageError(
                    "on_flush was given a coroutine function, and the test asks without a loop; use averify"
                )

    def _spans(self) -> str | Reading:
        if self._source is not None:
            return self._source
        try:
            return read_spans(str(self.folder))
        except SourceError:  # nothing came yet
            if any(path.stat().st_size for path in self.folder.glob("*.otlp")):
                raise
            return Reading(url=str(self.folder))

    def _premise(self) -> str:
        return self.assume or ("complete" if self._flushes or self._source is not None else "spans=lossy")

    def _judged(
        self, shapes: Sequence[Shape], named: Sequence[str], flow: str | Sequence[str] | None, options: dict[str, Any]
    ) -> Report:
        asked = {"assume": self._premise(), **options}
        parse_assume(asked["assume"])
        flows = () if flow is None else (flow,) if isinstance(flow, str) else tuple(flow)
        report = check(shapes, spans=self._spans(), records=self._records, flows=flows, **asked)
        words = ["verifier", "check", *named]
        words += ["--spans", self._source or str(self.folder)]
        words += [w for url in self._records for w in ("--records", url)]
        words += [w for key in flows for w in ("--flow", key)]
        for name in ("correlation_ids", "at"):
            given = options.get(name, ())
            words += [w for text in ((given,) if isinstance(given, str) else given) for w in (OPTIONS[name], text)]
        words += [] if asked["assume"] == "complete" else ["--assume", asked["assume"]]
        self.last, self.again = report, shlex.join(words)
        return report

    @staticmethod
    def _final(report: Report) -> bool:
        """Satisfied, or violated: more of what is on its way doesn't change that. All else may still be decided."""
        return report.verdict in (Verdict.SATISFIED, Verdict.VIOLATED)

    def _answer(self, report: Report, deadline: str) -> Report:
        if report.verdict is Verdict.SATISFIED:
            return report
        flows = [flow for flow in report.flows if flow.verdict is report.verdict]
        rules = [run for run in report.run_assertions if run.rule.verdict is report.verdict]
        if self._flushes:
            premise = f"{count(len(self._flushes), 'service')} flushed before it was judged"
        else:
            premise = "no service was asked to flush (traces.on_flush): spans may be on their way"
        wrong: list[FlowVerdict | RunVerdict] = [*flows, *rules]
        story = wrong[0].explain() if wrong else f"{report.verdict}: {report.reason or '; '.join(report.notes)}"
        waited = "" if report.verdict is Verdict.VIOLATED else f"\nwaited {deadline} for it"
        more = "".join(f"\nand {said}" for said in _more(len(flows), len(rules)))
        text = f"{story}{more}{waited}\npremise: {premise}\nagain: {self.again}"
        raise (Violation if report.verdict is Verdict.VIOLATED else Inconclusive)(text)


def _each(shapes: Shapes) -> tuple[str | Path | Shape, ...]:
    return (shapes,) if isinstance(shapes, str | Path | Shape) else tuple(shapes)


def _named(shapes: Shapes) -> tuple[str, ...]:
    """The shapes as a command line names them."""
    return tuple(one.shape if isinstance(one, Shape) else str(one) for one in _each(shapes))


def _more(flows: int, rules: int) -> list[str]:
    """What else has the verdict, beside the first of it, which is told in full."""
    if flows:
        flows -= 1
    elif rules:
        rules -= 1
    said = [f"{count(flows, 'more flow')} like it"] if flows else []
    return said + ([f"{count(rules, 'more rule')} across flows"] if rules else [])


def _seconds(text: str) -> float:
    found = duration_ns(text)
    if found is None:
        raise UsageError(f"deadline {text!r}: expected a duration, e.g. 20s")
    return found / 1e9


def _closed(said: Awaitable[object]) -> None:
    if inspect.iscoroutine(said):
        said.close()
