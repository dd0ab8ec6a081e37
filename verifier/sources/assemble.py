"""What a good span is, the same for JSON and protobuf.

In: ids, numbers and attributes as a decoder found them. Out: what a `Span` takes, or `BadSpan`, which says which
field is wrong, what was seen and what was expected. `Basket` holds what one file gave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.sources.sniff import snippet
from verifier.sources.tally import Tally
from verifier.spans import Attributes, Event, Span, Value
from verifier.wording import duration

MAX_DEPTH = 100
"""How deep an attribute value may be nested; protobuf allows no more either."""
LIMIT_NS = 1 << 63

KIND_NAMES = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUS_NAMES = ("unset", "ok", "error")


def _spellings(prefix: str, names: tuple[str, ...]) -> Mapping[int | str | None, str]:
    table: dict[int | str | None, str] = {None: names[0]}
    for number, name in enumerate(names):
        table[number] = table[str(number)] = table[f"{prefix}{name.upper()}"] = name
    return table


KINDS = _spellings("SPAN_KIND_", KIND_NAMES)
STATUSES = _spellings("STATUS_CODE_", STATUS_NAMES)


class BadSpan(Exception):
    """A span that cannot be read."""

    def __init__(self, where: str, seen: str, expected: str) -> None:
        super().__init__(f"{where}: saw {seen}, expected {expected}")


class Spoilt(NamedTuple):
    """An attribute that can't be used: what was seen and what was expected."""

    key: str
    seen: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What emitted a group of spans: its attributes, and the two that every span carries.

    Each span of it counts what is `spoilt` as dropped.
    """

    attributes: Attributes
    service: str
    instance: str | None
    spoilt: tuple[Spoilt, ...] = ()


@dataclass(slots=True, kw_only=True)
class Basket:
    """What one file gave so far. `good` counts the requests that could be read, even those without a span.

    `spoilt` are the attributes of the span that is being read which can't be used.
    """

    file: str
    tally: Tally = field(default_factory=Tally)
    spans: list[Span] = field(default_factory=list)
    good: int = 0
    trace_ids: dict[str, str] = field(default_factory=dict)
    resources: dict[bytes, Resource] = field(default_factory=dict)
    spoilt: list[Spoilt] = field(default_factory=list)

    def bad(self, kind: str, what: str, line: int, *, service: str | None = None) -> None:
        """Count something that could not be read."""
        self.tally.add(kind, self.file, what, line=line, service=service)

    def bad_span(self, what: str, line: int, source: Resource | None) -> None:
        """Count a span that was set aside; `what` names the field."""
        self.spoilt.clear()
        self.bad("bad_span", f"{what}; the span was set aside", line, service=source.service if source else None)

    def timed(self, event: Event, span_id: str, line: int, source: Resource) -> bool:
        """Whether an event has a time; one that has none is counted, for it could only be put in a wrong place."""
        if 0 < event.time_ns <= LIMIT_NS:
            return True
        what = f"event {snippet(event.name)} of span {span_id} has no time; the event was set aside"
        self.bad("dropped_events", what, line, service=source.service)
        return False

    def pointless(self, problem: BadSpan, span_id: str, line: int, source: Resource) -> None:
        """Count a link that points to no span."""
        what = f"a link of span {span_id} has a bad {problem}; the link was set aside"
        self.bad("dropped_links", what, line, service=source.service)

    def settle(self, span_id: str, line: int, source: Resource) -> int:
        """Count the attributes of a span that can't be used, and how many they are: on it they count as dropped."""
        for key, seen, expected in (*self.spoilt, *source.spoilt):
            name = f"attribute {snippet(key)} of span {span_id}"
            said = f"{name}: saw {seen}, expected {expected}; the attribute was set aside"
            self.bad("bad_attribute", said, line, service=source.service)
        found = len(self.spoilt) + len(source.spoilt)
        self.spoilt.clear()
        return found

    def keep(self, span: Span, line: int) -> None:
        """Take a span in; one that ends before it starts is counted as well."""
        self.spans.append(span)
        if span.end_ns < span.start_ns:
            early = f"ends {duration(span.start_ns - span.end_ns)} before it starts"
            what = "has no end" if span.end_ns == 0 else early
            said = f"span {span.span_id} of trace {span.trace_id} {what}; its end was set aside, the rest of it counts"
            self.bad("bad_end", said, line, service=span.service)


VALUES = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue", "arrayValue", "kvlistValue")
A_VALUE = f"one of {', '.join(VALUES)}"


def distinct(pairs: Sequence[tuple[str, Value]], spoilt: list[Spoilt]) -> dict[str, Value]:
    """Attributes of which a key is there more than once: it counts if it says the same each time, else it is spoilt."""
    said: dict[str, dict[str, Value]] = {}
    for key, value in pairs:
        said.setdefault(key, {}).setdefault(repr(value), value)
    for key, values in said.items():
        if len(values) > 1:
            words = " and ".join(snippet(value) for value in list(values.values())[:2])
            spoilt.append(Spoilt(key, f"it with {words}", "it once"))
    return {key: value for key, value in pairs if len(said[key]) == 1}


def resource(attributes: Attributes, spoilt: Sequence[Spoilt] = ()) -> Resource:
    """The resource with its service and, if it says so, the process; BadSpan if whose it is can't be told."""
    for key, seen, expected in spoilt:
        if key == "service.name":
            raise BadSpan(f"attributes: {key}", seen, expected)
    service = attributes.get("service.name")
    instance = attributes.get("service.instance.id")
    host, pid = attributes.get("host.id") or attributes.get("host.name"), attributes.get("process.pid")
    if instance in (None, "") and host and pid is not None:
        instance = f"{_text(host)}/{_text(pid)}"
    return Resource(
        attributes=attributes,
        service=_text(service) or "unknown_service",
        instance=_text(instance) or None,
        spoilt=tuple(spoilt),
    )


def _text(value: Value) -> str:
    return value.hex() if isinstance(value, bytes) else "" if value is None else str(value)


def hex_id(text: str | None, digits: int, name: str) -> str:
    """A trace or span id of JSON, lower case."""
    try:
        raw = bytes.fromhex(text or "")
    except ValueError:
        raw = b""
    # fromhex skips blanks, so both lengths count.
    if len(raw) * 2 == digits == len(text or "") and raw != bytes(len(raw)):
        return raw.hex()
    seen = "nothing" if not text else "only zeros" if not text.strip("0") else snippet(text)
    hint = " (base64 is protobuf's way, OTLP/JSON writes hex)" if text and text.endswith("=") else ""
    raise BadSpan(name, seen, f"{digits} hex digits{hint}, not all zeros")


def raw_id(raw: bytes, size: int, name: str) -> str:
    """A trace or span id of protobuf, as hex."""
    if len(raw) != size or not any(raw):
        seen = "nothing" if not raw else "only zeros" if not any(raw) else f"{len(raw)} bytes"
        raise BadSpan(name, seen, f"{size} bytes, not all zeros")
    return raw.hex()


def check_times(start_ns: int, end_ns: int) -> None:
    """Refuse times that no clock shows; an end of 0 is allowed, it is not known then."""
    if not 0 < start_ns <= LIMIT_NS:
        raise BadSpan("startTimeUnixNano", str(start_ns or "nothing"), "nanoseconds since 1970, 1 to 2**63")
    if not 0 <= end_ns <= LIMIT_NS:
        raise BadSpan("endTimeUnixNano", str(end_ns), "nanoseconds since 1970, 0 to 2**63")


def kind_of(value: int | str | None) -> str:
    """A span's kind by number or name."""
    return KINDS.get(value) or _unknown(value, "kind", "SPAN_KIND_SERVER", KIND_NAMES)


def status_of(value: int | str | None) -> str:
    """A span's status by number or name."""
    return STATUSES.get(value) or _unknown(value, "status.code", "STATUS_CODE_ERROR", STATUS_NAMES)


def _unknown(value: int | str | None, name: str, example: str, names: tuple[str, ...]) -> str:
    if isinstance(value, int):  # perhaps newer than we are
        return names[0]
    raise BadSpan(name, snippet(value), f"a number from 0 to {len(names) - 1} or a name like {example}")
