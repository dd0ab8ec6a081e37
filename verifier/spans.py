"""Observations as the verifier sees them, whatever they were read from.

In: nothing. Out: frozen data (`Span`, `Event`, `Link`, `Record`, `Loss`, `Reading`) and one table of the attribute
names that telemetry libraries use for the same thing.
Times are whole nanoseconds since the epoch; ids are lower-case hex strings (32 digits a trace, 16 a span).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | bool | int | float | bytes | None | tuple["Value", ...] | Mapping[str, "Value"]
"""An attribute's value, as OpenTelemetry's AnyValue has it."""

SpanId = tuple[str, str]
"""(trace_id, span_id): span ids alone repeat."""

MessageId = tuple[str, ...]
"""("event", id) or ("offset", topic, partition, offset): two observations that share one speak of one message."""

Attributes = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A span event: something that happened inside a span, at `time_ns`."""

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A pointer from one span to another that it continues, in any trace."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One finished operation of one service.

    `kind` is one of unspecified, internal, server, client, producer, consumer; `status` one of unset, ok, error.
    `instance` names the process whose clock stamped it (`service.instance.id`, else host and process id), None if
    nothing says so. `end_ns` may lie before `start_ns`: clocks are set back. `end_ns` 0: the end is not known.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    service: str
    instance: str | None = None
    name: str
    kind: str = "unspecified"
    start_ns: int
    end_ns: int
    status: str = "unset"
    status_message: str = ""
    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    trace_state: str = ""
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0

    @property
    def id(self) -> SpanId:
        """What names this span in the whole world."""
        return (self.trace_id, self.span_id)

    @property
    def parent(self) -> SpanId | None:
        """The parent's id, in the same trace."""
        return (self.trace_id, self.parent_span_id) if self.parent_span_id else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A Kafka record: proof that a message was published, not that anybody handled it.

    `value` is the JSON envelope (an empty mapping where the value was not a JSON object). It was published between
    `made_ns` (the envelope's time) and `seen_ns` (when a reader or the broker saw it); equal when the broker says.
    `made_ns` is None if the envelope has no time.
    """

    topic: str
    partition: int
    offset: int
    key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    made_ns: int | None = None
    seen_ns: int
    value: Attributes = field(default_factory=dict)

    @property
    def id(self) -> tuple[str, int, int]:
        """What names this record in its cluster."""
        return (self.topic, self.partition, self.offset)

    @property
    def service(self) -> str:
        """Who published it, as its envelope says; empty if it doesn't."""
        return str(self.value.get("source_service") or "")

    @property
    def parent(self) -> SpanId | None:
        """The span that published it: `traceparent` of the envelope's metadata, else of the headers."""
        parsed = _traceparent(self)
        return parsed[:2] if parsed else None

    @property
    def parent_sampled(self) -> bool:
        """False only if the traceparent says that the publishing span was not sampled."""
        parsed = _traceparent(self)
        return parsed is None or parsed[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Whatever can be a step: a span, a record, or the `index`-th event of a span."""

    row: Span | Record
    event: Event | None = None
    index: int = -1

    @property
    def id(self) -> tuple[str, ...]:
        """What names it, and sorts it where times are equal."""
        if isinstance(self.row, Record):
            return (self.row.topic, f"{self.row.partition:06d}", f"{self.row.offset:020d}")
        event = () if self.event is None else (f"{self.index:06d}",)
        return (self.row.trace_id, self.row.span_id, *event)

    @property
    def sort(self) -> str:
        """span, event or record."""
        return "event" if self.event is not None else "record" if isinstance(self.row, Record) else "span"

    @property
    def name(self) -> str:
        """The span's, the event's, or the record's topic."""
        if self.event is not None:
            return self.event.name
        return self.row.topic if isinstance(self.row, Record) else self.row.name

    @property
    def first_ns(self) -> int:
        """The earliest that it can have begun; for printing in order, never for judging order."""
        if self.event is not None:
            return self.event.time_ns
        if isinstance(self.row, Span):
            return self.row.start_ns
        return self.row.seen_ns if self.row.made_ns is None else self.row.made_ns

    @property
    def last_ns(self) -> int:
        """The latest moment that it tells of."""
        if self.event is not None:
            return self.event.time_ns
        return max(self.row.start_ns, self.row.end_ns) if isinstance(self.row, Span) else self.row.seen_ns


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Loss:
    """A sign that observations are missing, or a thing set aside; counted, never silent.

    `kind` is a word of `LOSSES`; `where` a file and line, or a service, topic; `what` says it in a sentence;
    `example` is the first place. `service` and `topic` narrow down what may be missing (both None: anything may),
    `since_ns` from when on, `until_ns` until when (None: all along). `records`: records may be missing, not spans.
    """

    kind: str
    where: str
    count: int = 1
    what: str = ""
    service: str | None = None
    topic: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    records: bool = False

    @property
    def demotes(self) -> bool:
        """Whether evidence may be missing because of it: absences then prove nothing."""
        return LOSSES[self.kind]


LOSSES: Mapping[str, bool] = {
    # kind of loss: may observations be missing because of it?
    "bad_line": True,  # a line that is not a request or a record
    "bad_span": True,  # one span of a request that cannot be read
    "bad_record": True,
    "opaque_record": True,  # a record whose value can't be read: it may be of any flow
    "long_line": True,
    "odd_time": True,  # a time that can't be in nanoseconds since 1970
    "deleted_records": True,  # a broker no longer has them
    "open_transaction": True,  # a broker holds back records: they may yet be taken back
    "truncated": True,  # the input ends in the middle of something
    "refused": True,  # a request that a receiver did not accept
    "orphan_parent": True,
    "dropped_attributes": True,
    "dropped_events": True,
    "dropped_links": True,
    "sampled": True,
    "not_sampled": True,
    "conflicting_span": True,  # two different bodies under one id
    "conflicting_record": True,
    "instance_gone": True,  # a process fell silent and a new one took over
    "parent_cycle": False,  # its rows count as orphans of their flow
    "bad_attribute": False,  # an attribute that can't be read: its span says that it was dropped
    "bad_end": False,  # a span that ends before it starts, or has no end: its end is unknown, nothing is missing
    "other_signal": False,  # metrics and logs in the same file
    "skipped_file": False,  # a file of a folder that holds no telemetry
    "repeated_span": False,  # delivered twice, the same to the letter
    "repeated_record": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A group that hasn't passed these records yet, by the offset that it committed; handled they may be."""

    group: str
    topic: str
    partition: int
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one source gave.

    `topics` is None if a records source covers every topic, else topic -> partition -> [first, next) offset.
    `behind`: groups that have not passed some of the records, where a broker tells.
    `failed` says in a sentence why the source broke off half-way; None if it was read to its end.
    """

    url: str
    spans: tuple[Span, ...] = ()
    records: tuple[Record, ...] = ()
    losses: tuple[Loss, ...] = ()
    topics: Mapping[str, Mapping[int, tuple[int, int]]] | None = None
    behind: tuple[Behind, ...] = ()
    failed: str | None = None


# One thing, many names (semantic conventions 1.24 to 1.44, and what services call it themselves).
DESTINATION = ("messaging.destination.name", "messaging.destination_publish.name", "messaging.destination")
PARTITION = ("messaging.destination.partition.id", "messaging.kafka.destination.partition", "kafka.partition")
OFFSET = ("messaging.kafka.offset", "messaging.kafka.message.offset", "kafka.offset")
OPERATION = ("messaging.operation.type", "messaging.operation.name", "messaging.operation")
MESSAGE = ("event_id", "messaging.message.id", "messaging.message_id")
PATH = ("url.path", "http.target", "http.route", "url.full", "http.url")
STATEMENT = ("db.query.text", "db.statement")
DATABASE = ("db.system.name", "db.system")
DB_OPERATION = ("db.operation.name", "db.operation")
DB_TABLE = ("db.collection.name", "db.sql.table", "db.mongodb.collection", "db.cassandra.table")
CONSUMING = frozenset({"process", "receive", "deliver", "consume"})


def first(attributes: Attributes, names: tuple[str, ...]) -> Value:
    """The value of the first of `names` that is present and not empty, else None."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


def destination(span: Span) -> str | None:
    """The topic that a messaging span sends to or takes from."""
    topic = first(span.attributes, DESTINATION)
    return str(topic) if topic is not None else None


def consumes(span: Span) -> bool:
    """Whether the span handles or receives a message, by its kind or by what it says it does."""
    return span.kind == "consumer" or str(first(span.attributes, OPERATION) or "").lower() in CONSUMING


def message_ids(row: Span | Record) -> tuple[MessageId, ...]:
    """Every id under which the row's message is known, strongest first; none if it says nothing of a message."""
    if isinstance(row, Record):
        event = row.value.get("event_id")
        by_event: tuple[MessageId, ...] = (("event", str(event)),) if event else ()
        return (*by_event, ("offset", row.topic, str(row.partition), str(row.offset)))
    ids: list[MessageId] = []
    for name in MESSAGE:
        value = row.attributes.get(name)
        if value is not None and value != "" and ("event", str(value)) not in ids:
            ids.append(("event", str(value)))
    offset = first(row.attributes, OFFSET)
    if offset is not None:
        topic, partition = destination(row), first(row.attributes, PARTITION)
        if topic is not None and partition is not None:
            ids.append(("offset", topic, str(partition), str(offset)))
    return tuple(ids)


def dig(value: Value, path: str) -> Value:
    """The value at a dotted path of a JSON envelope, or None."""
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def own(row: Span | Record, names: tuple[str, ...]) -> Value:
    """What the row itself says under the first of `names` that is present and not empty, else None.

    On a record a name is a dotted path into its envelope.
    """
    if isinstance(row, Span):
        return first(row.attributes, names)
    for name in names:
        value = dig(row.value, name)
        if value is not None and value != "":
            return value
    return None


def _traceparent(record: Record) -> tuple[str, str, bool] | None:
    text = dig(record.value, "metadata.traceparent")
    if not isinstance(text, str):
        text = next((value for name, value in record.headers if name == "traceparent"), None)
    parts = text.split("-") if text else []
    if len(parts) < 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return None
    try:
        sampled = bool(int(parts[3], 16) & 1)
    except ValueError:
        return None
    return parts[1].lower(), parts[2].lower(), sampled
