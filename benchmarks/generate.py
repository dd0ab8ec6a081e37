"""Flows made by a seed: REGULAR batches of 14 to 17 spans over five services, about 1 in 33 with one seeded fault.

In: how many spans, a seed. Out: OTLP as JSON lines and as length-delimited protobuf, and the truth: which batch got
which fault. The same seed gives the same bytes. Names and attributes are those of the shapes `phase1-regular` (which
judges these flows, too) and `bench.yaml`.

    python -m benchmarks.generate 100000 OUT_FOLDER
"""

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as pb

SEED = 20_261_122
MS = 1_000_000
EPOCH_NS = 1_795_000_000 * 1_000 * MS
BETWEEN_FLOWS_MS = 250
FLOWS_A_ROUND = 32  # flows that run at the same time, so that their spans arrive mixed
SPANS_A_REQUEST = 512  # what an exporter sends at once
COURSES = ("ENG5", "ENG6", "ENG7", "SV1", "SV2", "SV3")

BOS, ELS = "batch_orchestrator_service", "essay_lifecycle_service"
NLP, CMS, FILES = "nlp_service", "class_management_service", "file_service"

FAULTS: Mapping[str, str] = {
    # what goes wrong: the rule of bench.yaml that must find it
    "late_registration": "leads_to-1",  # ten minutes instead of milliseconds
    "ready_too_soon": "precedes-1",  # handled while the confirmation still was
    "lost_essay": "occurs-1",  # one content message fewer than was registered
    "content_again": "never-1",  # content handled once more after ready
    "changed_course": "propagates-1",  # the class's code instead of the batch's
    "skipped_state": "conforms-1",  # from awaiting_student_validation straight to ready
    "failed_matching": "no_errors-1",  # a span with status ERROR, and no retry
}

Value = str | int | bool


@dataclass(slots=True, kw_only=True)
class Made:
    """One generated span."""

    trace: str
    span: str
    parent: str = ""
    service: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int = 1
    attributes: dict[str, Value] = field(default_factory=dict)
    events: list[tuple[str, int, dict[str, Value]]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Batch:
    """One generated flow; `fault` is a word of `FAULTS`, or empty."""

    id: str
    fault: str
    spans: list[Made]


def batches(seed: int = SEED) -> Iterator[Batch]:
    """Batches without end; the first n of them are the same for every n."""
    n = 0
    while True:
        yield _Making(n, random.Random(f"{seed}-{n}")).batch()
        n += 1


def enough(spans: int, seed: int = SEED) -> Iterator[list[Batch]]:
    """Rounds of batches that run at the same time, until there are so many spans (a few more: batches are whole)."""
    source, made, running = batches(seed), 0, list[Batch]()
    while made < spans:
        running.append(next(source))
        made += len(running[-1].spans)
        if len(running) == FLOWS_A_ROUND or made >= spans:
            yield running
            running = []


class _Making:
    """One batch while it is made; every random number comes from the batch's own seed."""

    def __init__(self, n: int, rng: random.Random) -> None:
        self.rng = rng
        self.spans: list[Made] = []
        self.id = self.uuid()
        self.correlation = self.uuid()
        self.course = rng.choice(COURSES)
        self.essays = rng.choice((3, 4, 5, 6))
        self.fault = tuple(FAULTS)[n // 33 % len(FAULTS)] if n % 33 == 7 else ""
        self.start_ns = EPOCH_NS + n * BETWEEN_FLOWS_MS * MS + rng.randrange(MS)

    def batch(self) -> Batch:
        """The whole flow, hop by hop."""
        register = self.request(BOS, "POST /v1/batches/register", self.start_ns, self.uuid())
        register.attributes |= {"class_type": "REGULAR", "expected_essay_count": self.essays, "class_id": self.uuid()}
        late = 600_000 if self.fault == "late_registration" else 0
        self.handle(ELS, "kafka.consume.huleedu.batch.essays.registered.v1", register, wait_ms=late)
        last = self.uploads(register.end_ns + (late + self.rng.randrange(800, 4000)) * MS)
        done = self.handle(BOS, "kafka.consume.batch_content_provisioning_completed", last)
        self.move(done, "awaiting_content_validation", "awaiting_student_validation")
        command = self.handle(ELS, "kafka.consume.huleedu.batch.student.matching.initiate.command.v1", done)
        matching = self.handle(NLP, "kafka.consume.huleedu.batch.student.matching.requested.v1", command, own=False)
        if self.fault == "failed_matching":
            matching.status = 2
        self.handle(CMS, "kafka.consume.huleedu.batch.author.matches.suggested.v1", matching)
        self.teacher(done, matching.end_ns + self.rng.randrange(2000, 9000) * MS)
        return Batch(id=self.id, fault=self.fault, spans=self.spans)

    def uploads(self, at_ns: int) -> Made:
        """One trace per essay; the last one leads on."""
        for n in range(self.essays - (self.fault == "lost_essay")):
            trace = self.hex(32)
            at_ns += self.rng.randrange(30, 120) * MS
            span = self.span(ELS, "kafka.consume.huleedu.file.essay.content.provisioned.v1", trace, "", 1, at_ns, 12)
            span.attributes |= {"file_upload_id": self.uuid(), "event_id": self.uuid(), "file_name": f"essay-{n}.txt"}
        return self.spans[-1]

    def teacher(self, done: Made, at_ns: int) -> None:
        """The confirmation in a new trace, its two handlers, and what follows."""
        path = f"/v1/batches/{self.id}/student-associations/confirm"
        confirm = self.request(CMS, f"POST {path}", at_ns, self.uuid())
        event = self.uuid()
        in_els = self.handle(ELS, "kafka.consume.huleedu.class.student.associations.confirmed.v1", confirm, event=event)
        confirmed = self.handle(BOS, "kafka.consume.student_associations_confirmed", confirm, event=event)
        ready = self.handle(BOS, "kafka.consume.batch_essays_ready", in_els)
        if self.fault == "ready_too_soon":
            confirmed.start_ns, confirmed.end_ns = in_els.start_ns, ready.start_ns + 3 * MS
        else:
            wait_ns = max(confirmed.end_ns - in_els.end_ns, 0)
            ready.start_ns, ready.end_ns = ready.start_ns + wait_ns, ready.end_ns + wait_ns
        if self.fault == "skipped_state":
            self.move(ready, "awaiting_student_validation", "ready_for_pipeline_execution")
        else:
            self.move(confirmed, "awaiting_student_validation", "student_validation_completed")
            self.move(ready, "student_validation_completed", "ready_for_pipeline_execution")
        if self.fault == "changed_course":
            other = COURSES[(COURSES.index(self.course) + 1) % len(COURSES)]
            for span in (confirmed, in_els, ready):
                span.attributes["course_code"] = other
        if self.fault == "content_again":
            again = self.span(BOS, done.name, done.trace, done.parent, 1, ready.end_ns + 2_000 * MS, 8)
            again.attributes |= {"course_code": self.course, "event_id": self.uuid()}
        start = self.request(BOS, f"POST /v1/batches/{self.id}/pipelines", ready.end_ns + 3_000 * MS, self.uuid())
        start.attributes["http.status_code"] = 202

    # ---- spans

    def request(self, service: str, name: str, at_ns: int, event: str) -> Made:
        """A server span that opens a trace."""
        span = self.span(service, name, self.hex(32), "", 2, at_ns, 25)
        path = name.split(" ")[1]
        span.attributes |= {"http.method": "POST", "http.target": path, "http.status_code": 200}
        span.attributes |= {"course_code": self.course}
        span.events.append(("outbox.enqueue", span.end_ns - MS, {"event_id": event, "batch_id": self.id}))
        return span

    def handle(
        self, service: str, name: str, parent: Made, *, wait_ms: int = 0, event: str = "", own: bool = True
    ) -> Made:
        """A span that handles a message; with `own` False only its parent says which batch it is of."""
        at_ns = parent.end_ns + (wait_ms + self.rng.randrange(15, 80)) * MS
        span = self.span(service, name, parent.trace, parent.span, 1, at_ns, 14)
        span.attributes |= {"event_id": event or self.uuid(), "course_code": self.course}
        span.attributes["messaging.system"] = "kafka"
        if not own:
            del span.attributes["batch_id"], span.attributes["correlation_id"]
        return span

    def span(self, service: str, name: str, trace: str, parent: str, kind: int, at_ns: int, about_ms: int) -> Made:
        end_ns = at_ns + about_ms * MS * self.rng.randrange(70, 130) // 100
        span = Made(
            trace=trace,
            span=self.hex(16),
            parent=parent,
            service=service,
            name=name,
            kind=kind,
            start_ns=at_ns,
            end_ns=end_ns,
            attributes={"batch_id": self.id, "correlation_id": self.correlation},
        )
        self.spans.append(span)
        return span

    def move(self, span: Made, source: str, target: str) -> None:
        """The span event of a changed status."""
        at_ns = (span.start_ns + span.end_ns) // 2
        span.events.append(("batch.status.transition", at_ns, {"from": source, "to": target, "applied": True}))

    def hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(digits * 4) | 1:0{digits}x}"

    def uuid(self) -> str:
        h = self.hex(32)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


# ---- files


def write(spans: int, folder: Path, *, seed: int = SEED) -> tuple[Path, Path, int]:
    """Writes `spans-N.jsonl`, `spans-N.pb` and `truth-N.json`; returns the first two and how many spans they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json, as_protobuf = folder / f"spans-{spans}.jsonl", folder / f"spans-{spans}.pb"
    truth: dict[str, str] = {}
    written = 0
    with as_json.open("w", encoding="utf-8") as text, as_protobuf.open("wb") as binary:
        for running in enough(spans, seed):
            truth |= {b.id: b.fault for b in running}
            mixed = sorted((s for b in running for s in b.spans), key=lambda s: (s.end_ns, s.span))
            written += len(mixed)
            for at in range(0, len(mixed), SPANS_A_REQUEST):
                _request(mixed[at : at + SPANS_A_REQUEST], text, binary)
    (folder / f"truth-{spans}.json").write_text(json.dumps(truth), encoding="utf-8")
    return as_json, as_protobuf, written


def _request(spans: Sequence[Made], text: TextIO, binary: BinaryIO) -> None:
    """One request in both forms: spans by service, as exporters send them."""
    message = ExportTraceServiceRequest()
    resources = []
    for service in sorted({s.service for s in spans}):
        resource: dict[str, Value] = {"service.name": service, "service.instance.id": f"{service}-1"}
        mine = [s for s in spans if s.service == service]
        scope = {"scope": {"name": service}, "spans": [_as_json(s) for s in mine]}
        resources.append({"resource": {"attributes": _pairs(resource)}, "scopeSpans": [scope]})
        group = message.resource_spans.add(resource=Resource(attributes=_key_values(resource)))
        group.scope_spans.add(scope=InstrumentationScope(name=service), spans=[_as_protobuf(s) for s in mine])
    text.write(json.dumps({"resourceSpans": resources}, separators=(",", ":")) + "\n")
    body = message.SerializeToString()
    binary.write(len(body).to_bytes(4, "big") + body)


def _as_json(span: Made) -> dict[str, object]:
    parent = {"parentSpanId": span.parent} if span.parent else {}
    return {
        "traceId": span.trace,
        "spanId": span.span,
        **parent,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(span.attributes),
        "events": [{"name": n, "timeUnixNano": str(t), "attributes": _pairs(a)} for n, t, a in span.events],
        "status": {"code": span.status},
    }


def _pairs(attributes: Mapping[str, Value]) -> list[dict[str, object]]:
    return [{"key": key, "value": _any(value)} for key, value in attributes.items()]


def _any(value: Value) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _as_protobuf(span: Made) -> pb.Span:
    return pb.Span(
        trace_id=bytes.fromhex(span.trace),
        span_id=bytes.fromhex(span.span),
        parent_span_id=bytes.fromhex(span.parent),
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_key_values(span.attributes),
        events=[pb.Span.Event(name=n, time_unix_nano=t, attributes=_key_values(a)) for n, t, a in span.events],
        status=pb.Status(code=_CODES[span.status]),
    )


def _key_values(attributes: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in attributes.items()]


def _any_value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)


_KINDS = {int(kind): kind for kind in pb.Span.SpanKind.values()}
_CODES = {int(code): code for code in pb.Status.StatusCode.values()}


def main() -> None:
    """`python -m benchmarks.generate SPANS FOLDER`."""
    parser = argparse.ArgumentParser(description="Write generated spans as OTLP JSON lines and protobuf.")
    parser.add_argument("spans", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    as_json, as_protobuf, written = write(given.spans, given.folder, seed=given.seed)
    print(f"{written} spans in {as_json} and {as_protobuf}")


if __name__ == "__main__":
    main()
