"""One run: sources -> flows -> engine -> report. The one place that knows them all.

In: shapes, where spans and records are, what is assumed. Out: a `Report`.

    read ─> merge ─> gather (once for shapes that gather alike) ─> judge each flow by each shape ─> report
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike, fspath
from typing import BinaryIO

from verifier.clock import UNCERTAINTY_NS
from verifier.engine.across import Across
from verifier.engine.complete import Assume, Sight, odd_times, parse_assume, sampled, silent_gaps
from verifier.engine.diagnose import Case, diagnosed
from verifier.engine.judge import Laid, Setting, as_of, judge_laid, lay, why_not
from verifier.engine.plan import Plan, groups, names_of, plan
from verifier.engine.remarks import absent, cycles, endless, hidden, known_key, unheard, unjudged, untold, waiting
from verifier.errors import SpecError, UsageError
from verifier.flows import Flow, Gathering, gather
from verifier.jumps import jumps_of
from verifier.options import Expected, parse_at, parse_duration, parse_expect, parse_jump, parse_outages
from verifier.shape import Shape, duration_ns
from verifier.sources import merge as merge_readings
from verifier.sources import read_records, read_spans
from verifier.spans import Reading
from verifier.specfile import check_shape, with_params
from verifier.tally import Evidence, Tally
from verifier.verdict import FlowVerdict, Report, SourceReport, Verdict

Progress = Callable[[str, int, int | None], None]
Input = str | PathLike[str] | Reading | Sequence[str | PathLike[str] | Reading]
"""Where spans or records are: a path, a folder, "-", or what was already read; or several of them."""


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
        behind=tuple(b for r in record_readings for b in r.behind),
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
    outages: Sequence[Mapping[str, object]] = (),
    strict: bool = False,
    max_explained: int = 10,
    progress: Progress | None = None,
    stdin: BinaryIO | None = None,
) -> Report:
    """Judges every flow of the sources by every shape.

    `flows` and `correlation_ids` narrow down which flows; `at` is the moment it is judged as of: "end" (the last
    observation), "+26h" after it, or an ISO time; `outages` are `{"from": TIME, "to": TIME}`; `max_explained` in how
    many flows a broken rule is diagnosed.
    Raises UsageError, SpecError or SourceError; never for a flow.
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
    down = parse_outages(outages)
    evidence = read(spans, records, progress=progress, stdin=stdin)
    at_ns = parse_at(at, evidence.last_ns)
    sight = sight_of(evidence, at_ns, assumed)
    jumps = (*jumps_of(evidence.spans, parse=duration_ns), *jumps)
    setting = Setting(sight=sight, jumps=jumps, outages=down, uncertainty_ns=slack)
    tally = Tally(strict=strict)
    tally.early = at_ns < evidence.last_ns
    _judge_groups(tally, shapes, evidence, setting, flows, correlation_ids, expected, progress)
    tally.notes += waiting(evidence.behind)
    if any(f.verdict is Verdict.VIOLATED for f in tally.flows):
        tally.flows = _explained(tally, most=max_explained)
    report = tally.report(evidence, sight, assumed=str(assumed), version=__version__)
    return replace(report, shapes=tuple(shape.shape for shape in shapes))


def sight_of(evidence: Evidence, at_ns: int, assume: Assume) -> Sight:
    """What the sources can show of all that was read, as of a moment."""
    return Sight(
        at_ns=at_ns,
        from_ns=evidence.first_ns,
        assume=assume,
        spans=evidence.spans_given,
        topics=evidence.topics,
        losses=(*evidence.losses, *sampled(evidence.spans), *odd_times(evidence.spans)),
        gaps=silent_gaps(evidence.spans),
        failed=tuple(s.failed if s.url in s.failed else f"{s.url}: {s.failed}" for s in evidence.sources if s.failed),
    )


def _judge_groups(
    tally: Tally,
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
        tally.notes += [*cycles(gathering), *unheard(group, evidence.spans), *untold(group, evidence.records)]
        if evidence.spans or evidence.records:
            (tally.notes if flows or correlation_ids else tally.unjudged).extend(
                unjudged(gathering, group, evidence.spans)
            )
        here = replace(setting, sight=replace(sight, losses=(*sight.losses, *hidden(gathering))))
        every = {**gathering.flows, **chosen}
        _judge_all(tally, [plan(s) for s in group], every, chosen, here, expected, progress)
        tally.notes += endless(group, tally.flows)
        tally.strays.append(gathering)


def _judge_all(
    tally: Tally,
    plans: Sequence[Plan],
    every: Mapping[str, Flow],
    chosen: Mapping[str, Flow],
    setting: Setting,
    expected: Sequence[Expected],
    progress: Progress | None,
) -> None:
    """Judges the chosen flows, and the run by every flow there is: what judges the run must have seen all of it."""
    given = {e.key: e.facts for e in expected}
    across = [Across(one, setting.sight, early=tally.early) for one in plans]
    for one in plans:
        tally.rules += [f"{one.shape.shape}:{i}" for i in one.ids]
    wanted = every if any(run.asked for run in across) else chosen
    for n, (key, flow) in enumerate(sorted(wanted.items())):
        if tally.early and key not in given and not as_of(flow, setting.sight.at_ns).members:
            continue  # it had not begun at the moment that is asked about
        facts = given.get(key)
        applying: list[Laid] = []
        for run in across:
            if (key in chosen or run.asked) and (laid := lay(run.plan, flow, setting, given=facts)) is not None:
                run.add(laid)
                applying.append(laid)
        if key in chosen:
            if not applying:
                refused = dict.fromkeys(why_not(one, flow, setting, given=facts) for one in plans)
                why = f"no shape applies: {'; '.join(refused)}"
                if key in given:
                    tally.absent.append(f"{flow.name}={key} was expected, but {why}")
                tally.put(_unjudged(flow, why), None)
            else:
                outcomes = [judge_laid(one) for one in applying]
                for lies, outcome in zip(applying, outcomes, strict=True):
                    case = Case(plan=lies.plan, flow=flow, setting=setting, given=facts or {}, verdict=outcome.verdict)
                    tally.add(case, outcome)
                if all(outcome.verdict.verdict is None for outcome in outcomes):
                    tally.put(outcomes[0].verdict, None)
        if progress is not None and n % 64 == 0:
            progress("judging", n, len(wanted))
    for run in across:
        tally.add_run(run.verdicts())
        tally.matched |= {f"{run.plan.shape.shape}:{step}" for step in run.matched}


def _unjudged(flow: Flow, why: str) -> FlowVerdict:
    """A flow that no shape applies to."""
    return FlowVerdict(
        shape=None,
        name=flow.name,
        key=flow.key,
        verdict=None,
        reason=why,
        aliases=flow.aliases,
        traces=flow.traces,
        spans=len(flow.spans),
        records=len(flow.records),
    )


def _explained(tally: Tally, *, most: int) -> list[FlowVerdict]:
    """The verdicts, those of the first flows of each broken rule with their diagnosis."""
    told = iter(diagnosed([case for case in tally.cases if case is not None], most=most))
    return [flow if case is None else next(told) for flow, case in zip(tally.flows, tally.cases, strict=True)]


def _chosen(
    gathering: Gathering,
    shape: Shape,
    flows: Sequence[str],
    correlation_ids: Sequence[str],
    expected: Sequence[Expected],
    tally: Tally,
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
