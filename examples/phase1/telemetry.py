"""The OpenTelemetry SDK of one process: who it is, where its spans go, and flushing them.

In: the service's name and the usual variables (`OTEL_EXPORTER_OTLP_ENDPOINT`), or a folder to write files into.
Out: a `Telemetry`, whose `tracing` the service uses and whose `flush()` returns when every ended span has left.
"""

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from examples.phase1.spanfile import SpanFile
from examples.phase1.tracing import IN_BAGGAGE, Tracing

OFTEN_MS = 500
"""How long a span waits at most before it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What a process traces with, and what sends it."""

    tracing: Tracing
    provider: TracerProvider

    def flush(self) -> bool:
        """Sends every span that has ended; False if that didn't work. Blocks: call it in a thread."""
        return self.provider.force_flush(timeout_millis=10_000)

    def stop(self) -> None:
        """The last flush: nothing is sent any more."""
        self.provider.shutdown()


def start(
    service: str,
    *,
    endpoint: str | None = None,
    folder: Path | None = None,
    own_spans: bool = True,
    library_spans: bool = False,
) -> Telemetry:
    """Starts tracing of one service, to an OTLP endpoint (HTTP) and to files in `folder`, where they are given."""
    instance = str(uuid4())
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.instance.id": instance}))
    provider.add_span_processor(BaggageSpanProcessor(lambda name: name in IN_BAGGAGE))
    for exporter in _exporters(endpoint, folder, f"{service}-{instance}"):
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=OFTEN_MS))
    if library_spans:
        from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor

        AIOKafkaInstrumentor().instrument(tracer_provider=provider)
    tracer = provider.get_tracer("examples.phase1")
    tracing = Tracing(service=service, tracer=tracer, own_spans=own_spans, library_spans=library_spans)
    return Telemetry(tracing=tracing, provider=provider)


def _exporters(endpoint: str | None, folder: Path | None, name: str) -> list[SpanExporter]:
    found: list[SpanExporter] = []
    if endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        found.append(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
    if folder:
        found.append(SpanFile(folder / f"{name}.otlp.jsonl"))
    return found
