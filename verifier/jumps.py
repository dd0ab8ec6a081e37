"""The advances of the business clock that services reported.

In: spans. Out: a `Jump` for each `jump_id` of their events `clock.advanced`: some time between its reports, by as much
as they say.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from verifier.clock import INFINITY_NS, Interval, Jump
from verifier.spans import Event, Span


def jumps_of(spans: Iterable[Span], *, parse: Callable[[str], int | None]) -> tuple[Jump, ...]:
    """The advances of the business clock that services reported; one `jump_id` counts once.

    `by` is a duration ("25h") or a number of seconds; one that can't be read may be any.
    """
    found: dict[str, list[tuple[int, Interval]]] = defaultdict(list)
    for span in spans:
        for event in span.events:
            if event.name == "clock.advanced":
                name = str(event.attributes.get("jump_id", f"{span.trace_id}/{span.span_id}/{event.time_ns}"))
                found[name].append((event.time_ns, _by(event, parse)))
    return tuple(
        Jump(
            id=name,
            at=Interval(min(t for t, _ in seen), max(t for t, _ in seen)),
            by=Interval(min(by.lo for _, by in seen), max(by.hi for _, by in seen)),
        )
        for name, seen in sorted(found.items())
    )


def _by(event: Event, parse: Callable[[str], int | None]) -> Interval:
    value = event.attributes.get("by")
    ns = parse(value) if isinstance(value, str) else None
    if ns is None:
        try:
            ns = round(float(value) * 10**9)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return Interval(0, INFINITY_NS)
    return Interval(ns, ns)
