"""Spans that make Kafka hops checkable: `publish()`, `process()`, `serve()`, and what travels along as baggage.

The library's own instrumentation ends its send span before the real send, and its receive span before the handler
runs. These helpers don't: a publish span is as long and as true as the send, a consume span is current while the
handler runs, its parent is the publishing span, and both say which message they are about.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from examples.phase1.events import Envelope

IN_BAGGAGE = ("correlation_id", "course_code")
Carrier = dict[str, str]
Said = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """How one process traces. `own_spans`: the spans of this file; `library_spans`: those of the instrumentation."""

    service: str
    tracer: trace.Tracer
    own_spans: bool = True
    library_spans: bool = False

    async def publish(self, producer: AIOKafkaProducer, topic: str, envelope: Envelope, *, key: str) -> None:
        """Sends one message inside a span that ends when the broker has it, or fails as the send does."""
        with self.span(f"kafka.publish.{topic}", kind=SpanKind.PRODUCER, **envelope.attributes()) as span:
            carrier: Carrier = {}
            propagate.inject(carrier)
            if "traceparent" in carrier:
                envelope.metadata["traceparent"] = carrier["traceparent"]
            # A new list each time; and left empty if the instrumentation writes its own context into it.
            headers = [] if self.library_spans else [(name, text.encode()) for name, text in carrier.items()]
            value = envelope.model_dump_json().encode()
            sent = await producer.send_and_wait(topic, value, key=key.encode(), headers=headers)
            span.set_attributes(_place(topic, sent.partition, sent.offset, "send"))

    @contextmanager
    def process(
        self, record: ConsumerRecord, envelope: Envelope, *, group: str, verb: str = "consume"
    ) -> Iterator[Span]:
        """Runs its body as the handling of one message: in the message's trace, with its baggage."""
        if not self.own_spans:
            yield INVALID_SPAN
            return
        carrier = {name: text.decode() for name, text in record.headers if text is not None}  # the last one counts
        with _attached(carrier):
            place = _place(record.topic, record.partition, record.offset, "process")
            about = {**place, "messaging.consumer.group.name": group, **envelope.attributes()}
            with self.span(f"kafka.{verb}.{record.topic}", kind=SpanKind.CONSUMER, **about) as span:
                span.set_attributes(about)  # again: what the message says goes before what the baggage says
                yield span

    @contextmanager
    def serve(self, method: str, path: str, *, correlation_id: str) -> Iterator[Span]:
        """Runs its body as the answer to one HTTP request, under the request's correlation id."""
        named = {"http.request.method": method, "url.path": path, "correlation_id": correlation_id}
        with (
            carried(correlation_id=correlation_id),
            self.span(f"{method} {path}", kind=SpanKind.SERVER, **named) as span,
        ):
            yield span

    @contextmanager
    def resumed(self, carrier: Carrier) -> Iterator[None]:
        """Goes on in a context that was stored with `stored()`, in another task, process or year."""
        if not self.own_spans:
            yield
            return
        with _attached(carrier):
            yield

    @contextmanager
    def span(self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int) -> Iterator[Span]:
        """A span that is current while its body runs, and failed if its body fails."""
        if not self.own_spans:
            yield INVALID_SPAN
            return
        # as a dict first: names such as "batch_id" and "messaging.system" alike
        with self.tracer.start_as_current_span(name, kind=kind, attributes=attributes) as span:
            yield span


@contextmanager
def carried(**values: str) -> Iterator[None]:
    """Puts values into the baggage: every span below has them as attributes, here and in the services that follow."""
    here = context.get_current()
    for name, value in values.items():
        here = baggage.set_baggage(name, value, here)
        trace.get_current_span().set_attribute(name, value)
    token = context.attach(here)
    try:
        yield
    finally:
        context.detach(token)


def stored() -> Carrier:
    """The current context as text, to be kept in a row and resumed later."""
    carrier: Carrier = {}
    propagate.inject(carrier)
    return carrier


def note(event: str, attributes: Mapping[str, Said], *, span: Span | None = None, at_ns: int | None = None) -> None:
    """Leaves an event on a span, by default the current one and now; what is None is left out."""
    (span or trace.get_current_span()).add_event(event, _known(attributes), timestamp=at_ns)


def say(attributes: Mapping[str, Said]) -> None:
    """Says more of what the current span is about; what is None is left out."""
    trace.get_current_span().set_attributes(_known(attributes))


def failed(why: str) -> None:
    """Marks the current span as failed."""
    trace.get_current_span().set_status(Status(StatusCode.ERROR, why))


def _known(attributes: Mapping[str, Said]) -> dict[str, str | int | float | bool]:
    return {name: value for name, value in attributes.items() if value is not None}


@contextmanager
def _attached(carrier: Carrier) -> Iterator[None]:
    token = context.attach(propagate.extract(carrier, context=context.Context()))
    try:
        yield
    finally:
        context.detach(token)


def _place(topic: str, partition: int, offset: int, operation: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": offset,
    }
