"""Faults of telemetry alone: the business is right, what is told of it isn't.

No rule of the business may be called violated for them. Each function breaks one process until its patch is undone.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import Attributes

from examples.phase1.breaking import Break, Patch
from examples.phase1.parts import Parts


def relay_loses_the_context(parts: Parts, patch: Patch) -> None:
    """The relay sends in no context: every hop begins a new trace."""
    relay: Any = parts.runtime.relay
    claim = relay._claim

    async def bare() -> Any:
        rows = await claim()
        for row in rows:
            row.context = {}
        return rows

    patch(relay, "_claim", bare)


def told_otherwise(tell: Callable[[ReadableSpan], Iterable[ReadableSpan]]) -> Break:
    """What leaves the process of each of its spans is what `tell` makes of it."""

    def break_it(parts: Parts, patch: Patch) -> None:
        processor: Any = parts.runtime.telemetry.provider._active_span_processor
        on_end = processor.on_end

        def told(span: ReadableSpan) -> None:
            for one in tell(span):
                on_end(one)

        patch(processor, "on_end", told)

    return break_it


def stops_reporting(_: ReadableSpan) -> Iterable[ReadableSpan]:
    """None of its spans leaves the process."""
    return ()


def never_ends(name: str) -> Callable[[ReadableSpan], Iterable[ReadableSpan]]:
    """Spans of that name are begun and never ended."""
    return lambda span: () if span.name == name else (span,)


def loses_answers(span: ReadableSpan) -> Iterable[ReadableSpan]:
    """A filter on the way throws HTTP's spans away, as noise."""
    return () if span.kind is SpanKind.SERVER else (span,)


def clock_is_off(by: timedelta) -> Break:
    """The host's clock is fast (or slow) by so much."""
    by_ns = round(by.total_seconds() * 1e9)

    def shifted(span: ReadableSpan) -> Iterable[ReadableSpan]:
        events = [Event(e.name, e.attributes, e.timestamp + by_ns) for e in span.events]
        yield _replaced(span, start=(span.start_time or 0) + by_ns, end=(span.end_time or 0) + by_ns, events=events)

    return told_otherwise(shifted)


def drops_attribute(*names: str) -> Break:
    """A processor on the way removes attributes, from events as well."""

    def without(span: ReadableSpan) -> Iterable[ReadableSpan]:
        events = [Event(e.name, _without(e.attributes, names), e.timestamp) for e in span.events]
        yield _replaced(span, attributes=_without(span.attributes, names), events=events)

    return told_otherwise(without)


def cuts_values(most: int) -> Break:
    """A limit on the length of values, set too low."""

    def cut(span: ReadableSpan) -> Iterable[ReadableSpan]:
        said = {k: v[:most] if isinstance(v, str) else v for k, v in (span.attributes or {}).items()}
        yield _replaced(span, attributes=said)

    return told_otherwise(cut)


def sends_twice(span: ReadableSpan) -> Iterable[ReadableSpan]:
    """The exporter tries again what had arrived."""
    return (span, span)


def loses_parent(span: ReadableSpan) -> Iterable[ReadableSpan]:
    """Each span says that it begins a trace of its own; the trace is the same."""
    yield _replaced(span, parent=None)


def _without(attributes: Attributes, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name not in names}


_AS_IT_WAS: Any = object()


def _replaced(
    span: ReadableSpan,
    *,
    parent: Any = _AS_IT_WAS,
    attributes: Any = _AS_IT_WAS,
    events: Any = _AS_IT_WAS,
    start: int | None = None,
    end: int | None = None,
) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent if parent is _AS_IT_WAS else parent,
        resource=span.resource,
        attributes=span.attributes if attributes is _AS_IT_WAS else attributes,
        events=span.events if events is _AS_IT_WAS else events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time if start is None else start,
        end_time=span.end_time if end is None else end,
        instrumentation_scope=span.instrumentation_scope,
    )
