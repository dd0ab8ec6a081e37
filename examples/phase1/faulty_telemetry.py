"""Faults of telemetry alone: the business is right, what is told of it isn't.

No rule of the business may be called violated for them. Each function breaks one process until its patch is undone.
"""

from typing import Any

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


def stops_reporting(parts: Parts, patch: Patch) -> None:
    """None of its spans leaves the process."""
    provider: Any = parts.runtime.telemetry.provider
    patch(provider._active_span_processor, "on_end", lambda _: None)


def never_ends(name: str) -> Break:
    """Spans of that name are begun and never ended."""

    def break_it(parts: Parts, patch: Patch) -> None:
        provider: Any = parts.runtime.telemetry.provider
        processor = provider._active_span_processor
        on_end = processor.on_end

        def others(span: Any) -> None:
            if span.name != name:
                on_end(span)

        patch(processor, "on_end", others)

    return break_it
