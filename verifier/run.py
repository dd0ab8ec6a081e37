"""One run: sources -> flows -> engine -> report. The one place that knows them all.

In: shapes, where spans and records are, what is assumed. Out: a `Report`.

    read ─> merge ─> gather (once for shapes that gather alike) ─> judge each flow by each shape ─> report
"""

import difflib
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import BinaryIO

from verifier.clock import UNCERTAINTY_NS, jumps_of
from verifier.engine.complete import Sight, odd_times, parse_assume, sampled, silent_gaps
from verifier.engine.judge import Outcome, Setting, as_of, judge
from verifier.engine.plan import Plan, groups, names_of, plan
from verifier.engine.remarks import absent, cycles, hidden, known_key, unheard
from verifier.errors import SpecError, UsageError
from verifier.flows import Flow, Gathering, gather
from verifier.options import Expected, parse_at, parse_duration, parse_expect, parse_jump
from verifier.shape import Shape, duration_ns
from verifier.sources import merge as merge_readings
from verifier.sources import read_records, read_spans
from verifier.spans import Loss, Reading, Record, Span
from verifier.specfile import check_shape, with_params
from verifier.verdict import WORST_FIRST, FlowVerdict, Report, SourceReport, Verdict, merge
from verifier.wording import moment

Progress = Callable[[str, int, int | None], None]
Input = str | PathLike[str] | Reading | Sequence[str | PathLike[str] | Reading]
"""Where spans or records are: a path, a folder, "-", or what was already read; or several of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was read for a run, freed of repetitions; `spans_given` and `records_given`: whether a source was."""

    spans: tuple[Span, ...]
    records: tuple[Record, ...]
    losses: tuple[Loss, ...] = ()
    sources: tuple[SourceReport, ...] = ()
    spans_given: bool = True
    topics: frozenset[str] | None = None

    @property
    def first_ns(self) -> int:
        """When the first of it began; 0 if there is nothing."""
        begins = [s.start_ns for s in self.spans]
        begins += [r.seen_ns if r.made_ns is None else r.made_ns for r in self.records]
        return min(begins, default=0)

    @property
    def last_ns(self) -> int:
        """The last moment that it tells of; 0 if there is nothing."""
        ends = [s.end_ns if s.end_ns > s.start_ns else s.start_ns for s in self.spans]
        return max([*ends, *(r.seen_ns for r in self.records)], default=0)


def read(
    spans: Input = (),
    records: Input = (),
    *,
    progress: Progress | None = None,
    stdin: BinaryIO | None = None,
) -> Evidence:
    """Reads every source. SourceError if one can't be read at all; what is lost half-way is in the losses."""
    span_readings = [_read(read_spans, s, progress, stdin) for s in _each(spans)]
    record_readings = [_of_records(_read(read_records, s, progress, stdin)) for s in _each(records)]
    every = [*span_readings, *record_readings]
    all_spans, all_records, losses = merge_readings(every)
    if any(r.topics is None for r in record_readings):
        topics = None
    else:
        topics = frozenset(t for r in record_readings for t in r.topics or ())
    return Evidence(
        spans=all_spans,
        records=all_records,
        losses=losses,
        sources=tuple(
            SourceReport(url=r.url, spans=len(r.spans), records=len(r.records), losses=r.losses, failed=r.failed)
            for r in every
        ),
        spans_given=bool(span_readings),
        topics=topics,
    )


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Without Python's cycle collector: reading and judging make many objects and no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_no_collecting()
def check(
    shapes: Sequence[Shape],
    *,
    spans: Input = (),
    records: Input = (),
    flows: Sequence[str] = (),
    correlation_ids: Sequence[str] = (),
    expect: Sequence[str | Expected] = (),
    at: str = "end",
    assume: str = "complete",
    params: Mapping[str, str] | None = None,
    clock_jumps: Sequence[str] = (),
    uncertainty: str | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    stdin: BinaryIO | None = None,
) -> Report:
    """Judges every flow of the sources by every shape.

    `flows` and `correlation_ids` narrow down which flows; `at` is the moment it is judged as of: "end" (the last
    observation), "+26h" after it, or an ISO time. Raises UsageError, SpecError or SourceError; never for a flow.
    """
    from verifier import __version__

    assumed = parse_assume(assume)
    wrong = [p for shape in shapes if shape.places is None for p in check_shape(shape)]
    if wrong:
        raise SpecError(wrong)
    shapes = with_params(shapes, params or {})
    if not shapes:
        raise UsageError("no shape was given; give a shape's name, a file or a folder")
    if not _each(spans) and not _each(records):
        raise UsageError("nothing to read was given; give spans (--spans FILE) or records (--records FILE), or both")
    expected = tuple(e if isinstance(e, Expected) else parse_expect(e) for e in expect)
    for e in expected:
        known_key(e, shapes)
    jumps = tuple(parse_jump(text, n) for n, text in enumerate(clock_jumps))
    slack = UNCERTAINTY_NS if uncertainty is None else parse_duration(uncertainty, "[clocks] uncertainty")
    evidence = read(spans, records, progress=progress, stdin=stdin)
    at_ns = parse_at(at, evidence.last_ns)
    sight = Sight(
        at_ns=at_ns,
        from_ns=evidence.first_ns,
        assume=assumed,
        spans=evidence.spans_given,
        topics=evidence.topics,
        losses=(*evidence.losses, *sampled(evidence.spans), *odd_times(evidence.spans)),
        gaps=silent_gaps(evidence.spans),
        failed=tuple(s.failed if s.url in s.failed else f"{s.url}: {s.failed}" for s in evidence.sources if s.failed),
    )
    setting = Setting(sight=sight, jumps=(*jumps_of(evidence.spans, parse=duration_ns), *jumps), uncertainty_ns=slack)
    tally = _Tally(strict=strict)
    tally.early = at_ns < evidence.last_ns
    _judge_groups(tally, shapes, evidence, setting, flows, correlation_ids, expected, progress)
    report = tally.report(evidence, sight, assumed=str(assumed), version=__version__)
    return replace(report, shapes=tuple(shape.shape for shape in shapes))


def _judge_groups(
    tally: "_Tally",
    shapes: Sequence[Shape],
    evidence: Evidence,
    setting: Setting,
    flows: Sequence[str],
    correlation_ids: Sequence[str],
    expected: Sequence[Expected],
    progress: Progress | None,
) -> None:
    """Gathers once for all shapes that gather alike, and judges each flow by each of them."""
    sight = setting.sight
    for group in groups(shapes):
        gathering = gather(evidence.spans, evidence.records, correlation=group[0].flow, attributes=names_of(group[0]))
        chosen = _chosen(gathering, group[0], flows, correlation_ids, expected, tally)
        tally.keys.add(group[0].flow.key)
        tally.notes += [*cycles(gathering), *unheard(group, evidence.spans)]
        here = replace(setting, sight=replace(sight, losses=(*sight.losses, *hidden(gathering))))
        _judge_all(tally, [plan(s) for s in group], chosen, here, expected, progress)
        tally.strays.append(gathering)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What a run has found so far; `early`: it is judged as of a moment before the end of what was read."""

    strict: bool
    early: bool = False
    flows: list[FlowVerdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    strays: list[Gathering] = field(default_factory=list)
    fired: set[str] = field(default_factory=set)
    rules: list[str] = field(default_factory=list)
    matched: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)
    expected: dict[str, None] = field(default_factory=dict)

    def add(self, one: Plan, outcome: Outcome, sight: Sight) -> None:
        name = one.shape.shape
        visible = [s for s in one.expected if sight.shows(one.shape.steps[s])]
        self.flows.append(outcome.verdict)
        self.fired |= {f"{name}:{i}" for i in outcome.fired}
        self.matched |= {f"{name}:{s}" for s in outcome.matched}
        if outcome.applies:
            self.applied.add(name)
            self.expected.update(dict.fromkeys(f"{name}:{s}" for s in visible))

    def report(self, evidence: Evidence, sight: Sight, *, assumed: str, version: str) -> Report:
        judged = [f for f in self.flows if f.verdict is not None]
        verdict = merge(f.verdict for f in judged if f.verdict is not None)
        reason = None
        if sight.failed:
            verdict, reason = Verdict.INCONCLUSIVE, "a source broke off: " + "; ".join(sight.failed)
        elif not judged:
            reason = self._nothing(evidence, sight)
        elif self.absent and verdict is not Verdict.VIOLATED:
            verdict = min(verdict, Verdict.INCONCLUSIVE, key=WORST_FIRST.index)
            reason = self.absent[0]
        return Report(
            verdict=verdict,
            at_ns=sight.at_ns,
            version=version,
            assume=assumed,
            sources=evidence.sources,
            flows=tuple(self.flows),
            strays=self.strays[0].strays if self.strays else (),
            unfired=tuple(r for r in self.rules if r not in self.fired and r.split(":")[0] in self.applied),
            unmatched_steps=tuple(s for s in self.expected if s not in self.matched),
            reason=reason,
            notes=tuple(n for n in (*self.absent, *self.notes) if n != reason),
            strict=self.strict,
        )

    def _nothing(self, evidence: Evidence, sight: Sight) -> str:
        """Why no flow was judged."""
        if self.absent:
            return self.absent[0]
        if not evidence.spans and not evidence.records:
            return "no span and no record was read: nothing seen is never a pass"
        if self.flows:
            return "no shape applies to any flow: every guard is false"
        if evidence.first_ns > sight.at_ns:
            return f"all that was read is later than {moment(sight.at_ns)}, the moment asked about"
        if any(g.flows for g in self.strays):
            return f"no flow had begun by {moment(sight.at_ns)}, the moment asked about"
        keys = sorted(self.keys)
        seen = sorted({name for span in evidence.spans for name in span.attributes})
        near = [n for key in keys for n in difflib.get_close_matches(key, seen, n=3, cutoff=0.6)]
        hint = f"; attributes with a name like it: {', '.join(near)}" if near else ""
        return f"no observation leads to a flow: none carries the key {' or '.join(keys)}{hint}"


def _judge_all(
    tally: _Tally,
    plans: Sequence[Plan],
    chosen: Mapping[str, Flow],
    setting: Setting,
    expected: Sequence[Expected],
    progress: Progress | None,
) -> None:
    given = {e.key: e.facts for e in expected}
    for one in plans:
        tally.rules += [f"{one.shape.shape}:{i}" for i in one.ids]
    for n, (key, flow) in enumerate(sorted(chosen.items())):
        if tally.early and key not in given and not as_of(flow, setting.sight.at_ns).members:
            continue  # it had not begun at the moment that is asked about
        outcomes = [(one, judge(one, flow, setting, given=given.get(key))) for one in plans]
        for one, outcome in outcomes:
            if outcome is not None:
                tally.add(one, outcome, setting.sight)
        if all(outcome is None for _, outcome in outcomes):
            tally.flows.append(
                FlowVerdict(
                    shape=None,
                    name=flow.name,
                    key=key,
                    verdict=None,
                    reason="no shape applies: every guard is false",
                    aliases=flow.aliases,
                    traces=flow.traces,
                    spans=len(flow.spans),
                    records=len(flow.records),
                )
            )
        if progress is not None and n % 64 == 0:
            progress("judging", n, len(chosen))


def _chosen(
    gathering: Gathering,
    shape: Shape,
    flows: Sequence[str],
    correlation_ids: Sequence[str],
    expected: Sequence[Expected],
    tally: _Tally,
) -> dict[str, Flow]:
    """The flows that were asked for; the tally is told of those that are not there."""
    name = shape.flow.key
    chosen = dict(gathering.flows) if not flows and not correlation_ids else {}
    for key in flows:
        begin = [k for k in gathering.flows if k.startswith(key)]
        if key in gathering.flows:
            chosen[key] = gathering.flows[key]
        elif len(begin) == 1:
            chosen[begin[0]] = gathering.flows[begin[0]]
        elif not any(e.key == key for e in expected):
            tally.absent.append(absent(gathering, name, key))
    for value in correlation_ids:
        keys = sorted({k for alias in gathering.aliases.values() for k in alias.get(value, ())})
        if value in gathering.flows:
            keys = sorted({*keys, value})
        if not keys:
            aliases = " or ".join(shape.flow.aliases)
            none = f"{value} leads to no flow: the shape {shape.shape} has no aliases"
            tally.absent.append(f"no observation with {aliases}={value} leads to any {name}" if aliases else none)
        elif len(keys) > 1:
            tally.notes.append(f"{value} leads to {len(keys)} flows: {', '.join(keys)}")
        chosen.update({k: gathering.flows[k] for k in keys if k in gathering.flows})
    for e in expected:
        if e.name == name:
            chosen.setdefault(e.key, gathering.flows.get(e.key, Flow(name=name, key=e.key)))
    return chosen


def _each(given: Input) -> Sequence[str | Reading]:
    several = (given,) if isinstance(given, str | PathLike | Reading) else given
    return tuple(one if isinstance(one, Reading) else fspath(one) for one in several)


def _of_records(reading: Reading) -> Reading:
    """The reading, with its losses marked: what is missing are records."""
    return replace(reading, losses=tuple(replace(loss, records=True) for loss in reading.losses))


def _read(
    reader: Callable[..., Reading], given: str | Reading, progress: Progress | None, stdin: BinaryIO | None
) -> Reading:
    return given if isinstance(given, Reading) else reader(given, progress=progress, stdin=stdin)


__all__ = ["Evidence", "Expected", "check", "parse_at", "parse_expect", "parse_jump", "read"]
