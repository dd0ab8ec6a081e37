"""When may we say "it never came"? What the sources of a run can show, from when until when.

In: what was given, what was assumed, losses, the moment of judging. Out: for one absence of one flow: proven (with
its premises), still open (until when), or unprovable (why, and what would settle it).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from verifier.binding import BoundFlow, Maybe
from verifier.clock import INFINITY_NS, Interval
from verifier.errors import UsageError
from verifier.shape import Step
from verifier.spans import Loss, Record, Span
from verifier.verdict import Absence
from verifier.wording import moment

OF_A_FILE = frozenset({"bad_line", "bad_record", "bad_span", "long_line", "opaque_record", "truncated"})
"""Losses whose sentence needs the place in front of it."""

FIRST_NS = 10**17
"""Before 1973 nobody traced anything."""

State = Literal["proven", "blind", "unread", "open", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assume:
    """The premise of a run: whether spans and records are taken as complete where nothing says otherwise."""

    spans: bool = True
    records: bool = True

    def __str__(self) -> str:
        if self.spans == self.records:
            return "complete" if self.spans else "lossy"
        return "spans=lossy" if self.records else "records=lossy"


def parse_assume(text: str) -> Assume:
    """`complete`, `lossy`, `spans=lossy`, `records=lossy`, or both apart with a comma; UsageError else."""
    spans = records = True
    for part in text.split(","):
        what, _, how = part.strip().rpartition("=")
        if how not in ("complete", "lossy") or what not in ("", "spans", "records"):
            raise UsageError(
                f"--assume {text}: '{part}' is no premise; expected complete, lossy, spans=lossy or records=lossy"
            )
        spans = how == "complete" if what in ("", "spans") else spans
        records = how == "complete" if what in ("", "records") else records
    return Assume(spans=spans, records=records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether an absence is proven; `why` it is not, `until_ns` when it can be, `settled_by` what would."""

    state: State
    premises: tuple[str, ...] = ()
    why: str | None = None
    until_ns: int | None = None
    settled_by: str | None = None
    maybe: Maybe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the sources of a run can show, up to `at_ns`.

    `topics` None: records of every topic; empty: of none; a name with `*`: of every topic that it means. `gaps`: per
    service, from when to when a process may have died with its last spans. `losses` may hide observations of any flow.
    """

    at_ns: int
    from_ns: int
    assume: Assume = field(default_factory=Assume)
    spans: bool = True
    topics: frozenset[str] | None = None
    losses: tuple[Loss, ...] = ()
    gaps: dict[str, tuple[Interval, ...]] = field(default_factory=dict)
    failed: tuple[str, ...] = ()

    def records_complete(self, topic: str) -> bool:
        """Whether every record of the topic was seen."""
        return self.has_topic(topic) and self._loss_of_records(topic, self.at_ns) is None

    def has_topic(self, topic: str) -> bool:
        """Whether sources show records of the topic, or of every topic that a pattern means."""
        return shown(self.topics, topic)

    def shows(self, step: Step) -> bool:
        """Whether some source can show occurrences of the step."""
        if step.sort != "record":
            return self.spans
        topics = self.topics or ()
        return any(self.has_topic(name) or any(fnmatchcase(t, name) for t in topics) for name in step.names)

    def prove(self, absence: Absence, flow: BoundFlow, own_losses: tuple[Loss, ...]) -> Proof:
        """Whether this absence is proven in this flow; the first obstacle of the verdict table answers."""
        until = absence.until_ns
        if until is None:
            until = flow.until_ns if flow.until_ns is not None else self.at_ns
        services, topics = self._asked(absence, flow)
        blind = self._blind(absence, services, topics)
        if blind is not None:
            return blind
        if until >= INFINITY_NS:
            return _never_due(flow)
        maybes = self._maybes(absence, flow)  # by another clock it may have been in time
        maybe = next((m for m in maybes if m.order or m.of.first_ns - flow.clocks.behind_ns(m.of) <= until), None)
        if maybe is not None:
            return Proof(state="unread", why=maybe.why, settled_by=maybe.settled_by, maybe=maybe)
        if absence.until_ns is None and not flow.closed:
            return Proof(state="open", until_ns=flow.ends_ns, why="the flow is not over")
        if until > self.at_ns:
            return Proof(state="open", until_ns=until, why="it may yet come")
        running = flow.running(absence, until)
        if running is not None:
            return Proof(state="open", until_ns=running, why="it has begun, and its span is not finished")
        return (
            self._before(absence, flow)
            or self._lost(flow, own_losses, services, topics, until, self._since(absence, flow))
            or Proof(state="proven", premises=self._premises(services, topics, until))
        )

    def _before(self, absence: Absence, flow: BoundFlow) -> Proof | None:
        """An absence at the beginning of a flow that may have begun before the sources do."""
        since = absence.since_ns
        if flow.unbegun is None or (since is not None and since >= self.from_ns - flow.clocks.uncertainty_ns):
            return None
        read_from = moment(self.from_ns)
        why = f"no {flow.unbegun} was seen: it may have begun before {read_from}, where what was read begins"
        return Proof(state="lost", why=why, settled_by=f"spans and records from before {read_from}")

    @staticmethod
    def _maybes(absence: Absence, flow: BoundFlow) -> Iterable[Maybe]:
        """What may be one of those that are said to be absent."""
        if absence.but_maybes:
            return
        for step in absence.steps:
            for m in flow.maybes.get(step, ()):
                if absence.since_ns is None or m.of.last_ns >= absence.since_ns:
                    yield m
        for m in flow.doubtful:
            if absence.records if isinstance(m.of.row, Record) else absence.spans:
                yield m

    def _since(self, absence: Absence, flow: BoundFlow) -> int | None:
        """The first moment at which it could have been; None if that is not known, or makes no difference."""
        if all(loss.until_ns is None for loss in self.losses):
            return None
        begins = flow.shape.flow.begins
        opened = flow.opened_ns if begins is not None and all(flow.points(p) for p in begins.steps) else None
        known = [t for t in (absence.since_ns, opened) if t is not None]
        return max(known) - flow.clocks.uncertainty_ns if known else None

    def _asked(self, absence: Absence, flow: BoundFlow) -> tuple[tuple[str | None, ...], tuple[str | None, ...]]:
        """(services, topics) whose spans and records would show it; None stands for all."""
        services: dict[str | None, None] = {}
        topics: dict[str | None, None] = {}
        for name in absence.steps:
            step = flow.shape.steps[name]
            if step.sort == "record":
                topics.update(dict.fromkeys(step.names))
            else:
                services[step.service] = None
        if absence.spans:
            services[None] = None
        if absence.records and (self.topics is None or self.topics):
            topics[None] = None
        return tuple(services), tuple(topics)

    def _blind(
        self, absence: Absence, services: tuple[str | None, ...], topics: tuple[str | None, ...]
    ) -> Proof | None:
        if services and not self.spans and not (absence.records and not absence.steps):
            return Proof(state="blind", why="no spans were given", settled_by="spans of the services (--spans)")
        for topic in topics:
            if self.topics != frozenset() if topic is None else self.has_topic(topic):
                continue
            name = topic or "the flow"
            partly = sorted(t for t in self.topics or () if fnmatchcase(t, name))
            why = (
                f"of {name} only records of {', '.join(partly)} were given"
                if partly
                else f"no records of {name} were given"
            )
            return Proof(state="blind", why=why, settled_by=f"records of {name} (--records)")
        return None

    def _lost(
        self,
        flow: BoundFlow,
        own_losses: tuple[Loss, ...],
        services: tuple[str | None, ...],
        topics: tuple[str | None, ...],
        until: int,
        since: int | None,
    ) -> Proof | None:
        for service in services:
            why = self._loss_of_spans(service, flow, own_losses, until)
            if why is not None:
                who = f"spans of {service}" if service else "all spans"
                return Proof(state="lost", why=why, settled_by=f"{who} of this flow, complete")
        for topic in topics:
            why = self._loss_of_records(topic, until, since)
            if why is not None:
                return Proof(state="lost", why=why, settled_by=f"records of {topic or 'every topic'}, complete")
        return None

    def lossy_for(self, flow: BoundFlow, own_losses: tuple[Loss, ...]) -> str | None:
        """Why evidence of this flow may be lost, of whatever service; None if nothing says so."""
        return self._loss_of_spans(None, flow, own_losses, self.at_ns) or self._loss_of_records(None, self.at_ns)

    def _loss_of_spans(
        self, service: str | None, flow: BoundFlow, own_losses: tuple[Loss, ...], until: int
    ) -> str | None:
        if not self.assume.spans:
            return f"spans of {service} are assumed lossy" if service else "spans are assumed lossy"
        for loss in (*own_losses, *self.losses):
            of_records = loss.records or loss.topic is not None
            elsewhere = of_records or (service and loss.service and loss.service != service)
            if loss.demotes and not elsewhere and (loss.since_ns is None or loss.since_ns <= until):
                return _said(loss)
        for name in sorted(self.gaps) if service is None else (service,):
            for gap in self.gaps.get(name, ()):
                if gap.lo < until and flow.opened_ns < gap.hi:
                    return (
                        f"a process of {name} fell silent at {moment(gap.lo)} and another took over at "
                        f"{moment(gap.hi)}: its last spans may be lost"
                    )
        return None

    def _loss_of_records(self, topic: str | None, until: int, since: int | None = None) -> str | None:
        """Why records between `since` (None: from the very beginning) and `until` may be missing."""
        if not self.assume.records:
            return f"records of {topic} are assumed lossy" if topic else "records are assumed lossy"
        for loss in self.losses:
            of_records = loss.records or loss.topic is not None
            elsewhere = topic and loss.topic and not fnmatchcase(loss.topic, topic)
            before = since is not None and loss.until_ns is not None and loss.until_ns < since
            later = loss.since_ns is not None and loss.since_ns > until
            if loss.demotes and of_records and not elsewhere and not before and not later:
                return _said(loss)
        return None

    def _premises(
        self, services: tuple[str | None, ...], topics: tuple[str | None, ...], until: int
    ) -> tuple[str, ...]:
        window = f"complete from {moment(self.from_ns)} to {moment(until)}"
        spans = [f"spans of {s or 'every service'} {window}" for s in services]
        return (*spans, *(f"records of {t or 'every topic'} {window}" for t in topics))


def _never_due(flow: BoundFlow) -> Proof:
    """Nothing says by when it should have been: until the flow is over it may yet come."""
    if not flow.clocks.contradicted():
        return Proof(state="unread", why="when it is due can't be told: an end that it is counted from is not known")
    why = "when it is due can't be told: a cause and its effect contradict the clocks"
    if flow.closed:
        return Proof(state="unread", why=why)
    return Proof(state="open", until_ns=flow.ends_ns, why=why)


def silent_gaps(spans: Iterable[Span]) -> dict[str, tuple[Interval, ...]]:
    """Per service: from the last span of a process until the first of one that took over after it.

    A process that fell silent while a new one appeared was perhaps killed: what it did in between may be lost.
    """
    heard: dict[str, dict[str, Interval]] = defaultdict(dict)
    for span in spans:
        if span.instance is None:
            continue
        last = max(span.start_ns, span.end_ns)
        old = heard[span.service].get(span.instance, Interval(span.start_ns, last))
        heard[span.service][span.instance] = Interval(min(old.lo, span.start_ns), max(old.hi, last))
    out: dict[str, tuple[Interval, ...]] = {}
    for service, instances in sorted(heard.items()):
        starts = sorted(i.lo for i in instances.values())
        gaps = [
            Interval(gone.hi, min(s for s in starts if s > gone.hi))
            for gone in instances.values()
            if starts[-1] > gone.hi
        ]
        if gaps:
            out[service] = tuple(sorted(gaps, key=lambda g: (g.lo, g.hi)))
    return out


def losses_of(rows: Iterable[Span | Record]) -> tuple[Loss, ...]:
    """Signs of loss that rows themselves carry: dropped parts of a span, a parent that was not sampled."""
    out: list[Loss] = []
    for row in rows:
        if isinstance(row, Record):
            if not row.parent_sampled:
                what = f"the span that published {row.topic} {row.partition}:{row.offset} was not sampled"
                out.append(Loss(kind="not_sampled", where=row.topic, what=what))
            continue
        for kind, count in (
            ("dropped_attributes", row.dropped_attributes),
            ("dropped_events", row.dropped_events),
            ("dropped_links", row.dropped_links),
        ):
            if count:
                part = kind.removeprefix("dropped_")
                lost = f"1 {part[:-1]}" if count == 1 else f"{count} {part}"
                was = "was" if count == 1 else "were"
                what = f"{lost} of span {row.span_id} ({row.service} {row.name}) {was} dropped"
                out.append(Loss(kind=kind, where=row.service, count=count, what=what, service=row.service))
    return tuple(out)


def odd_times(spans: Iterable[Span]) -> tuple[Loss, ...]:
    """A loss for each service whose spans begin before 1973: their times are in another unit."""
    count: dict[str, int] = defaultdict(int)
    first: dict[str, Span] = {}
    for span in spans:
        if span.start_ns < FIRST_NS:
            count[span.service] += 1
            first.setdefault(span.service, span)
    return tuple(
        Loss(
            kind="odd_time",
            where=service,
            count=count[service],
            service=service,
            what=f"{service} {s.name} begins at {moment(s.start_ns)}: {_unit(s.start_ns)}",
        )
        for service, s in sorted(first.items())
    )


def _unit(time_ns: int) -> str:
    """What unit a time is in that is too early in nanoseconds: the one that puts it between 1973 and 5138."""
    for power, unit in ((10**6, "microseconds"), (10**3, "milliseconds"), (1, "seconds")):
        if 10**8 <= time_ns // power < 10**11:
            return f"its times look like {unit}; OTLP wants nanoseconds"
    return "are its times in nanoseconds, as OTLP wants them?"


def sampled(spans: Iterable[Span]) -> tuple[Loss, ...]:
    """A loss if traces are sampled (`tracestate` with `ot=th:` above zero): whole traces may be missing."""
    count, first = 0, ""
    for span in spans:
        if _threshold(span.trace_state):
            count += 1
            first = min(first or span.trace_id, span.trace_id)
    if not count:
        return ()
    what = f"traces are sampled (tracestate of trace {first}): others may be missing"
    return (Loss(kind="sampled", where="tracestate", count=count, what=what),)


def _threshold(state: str) -> bool:
    for entry in state.split(","):
        name, _, value = entry.strip().partition("=")
        if name == "ot":
            return any(p.startswith("th:") and p[3:].strip("0") != "" for p in value.split(";"))
    return False


def shown(topics: Collection[str] | None, topic: str) -> bool:
    """Whether sources that speak of these topics (None: of every one) speak of the topic.

    For a pattern: of every topic that it means. They do if they name it, or one with `*` that means as much. Kafka's
    own topics (`__…`) are meant by those only that say so.
    """
    return topics is None or any(
        t == topic or ("*" in t and topic.startswith("__") <= t.startswith("__") and fnmatchcase(topic, _stars(t)))
        for t in topics
    )


def _stars(topic: str) -> str:
    """A pattern in which nothing but `*` stands for something else: what it means of a pattern, it means of all."""
    return topic.replace("[", "[[]").replace("?", "[?]")


def _said(loss: Loss) -> str:
    if not loss.what:
        return f"{loss.count} {loss.kind.replace('_', ' ')} at {loss.where}"
    return f"{loss.where}: {loss.what}" if loss.kind in OF_A_FILE else loss.what
