"""What a run has read and what it has found so far.

In: rows of every source; verdicts of flows and of the run, one after the other. Out: the `Report`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from verifier.engine.complete import Sight
from verifier.engine.diagnose import Case
from verifier.engine.judge import Outcome
from verifier.engine.remarks import like
from verifier.flows import Gathering
from verifier.spans import Behind, Loss, Record, Span
from verifier.verdict import WORST_FIRST, FlowVerdict, Report, RunVerdict, SourceReport, Verdict, merge
from verifier.wording import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was read for a run, freed of repetitions; `spans_given` and `records_given`: whether a source was."""

    spans: tuple[Span, ...]
    records: tuple[Record, ...]
    losses: tuple[Loss, ...] = ()
    sources: tuple[SourceReport, ...] = ()
    spans_given: bool = True
    topics: frozenset[str] | None = None
    behind: tuple[Behind, ...] = ()

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


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run has found so far; `early`: it is judged as of a moment before the end of what was read."""

    strict: bool
    early: bool = False
    flows: list[FlowVerdict] = field(default_factory=list)
    run_assertions: list[RunVerdict] = field(default_factory=list)
    cases: list[Case | None] = field(default_factory=list)  # of each flow that a shape judged
    notes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    strays: list[Gathering] = field(default_factory=list)
    fired: set[str] = field(default_factory=set)
    rules: list[str] = field(default_factory=list)
    matched: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)
    expected: dict[str, None] = field(default_factory=dict)

    def put(self, flow: FlowVerdict, case: Case | None) -> None:
        self.flows.append(flow)
        self.cases.append(case)

    def add(self, case: Case, outcome: Outcome) -> None:
        one, sight = case.plan, case.setting.sight
        name = one.shape.shape
        visible = [s for s in one.expected if sight.shows(one.shape.steps[s])]
        if outcome.verdict.verdict is not None:
            self.put(outcome.verdict, case)
        self.fired |= {f"{name}:{i}" for i in outcome.fired}
        self.matched |= {f"{name}:{s}" for s in outcome.matched}
        if outcome.applies:
            self.applied.add(name)
            self.expected.update(dict.fromkeys(f"{name}:{s}" for s in visible))

    def add_run(self, found: Sequence[RunVerdict]) -> None:
        """What rules say of the whole run."""
        self.run_assertions += found
        self.fired |= {f"{r.shape}:{r.rule.id}" for r in found if r.rule.verdict is not Verdict.VACUOUS}

    def report(self, evidence: Evidence, sight: Sight, *, assumed: str, version: str) -> Report:
        judged = [f.verdict for f in self.flows if f.verdict is not None]
        across = [r.rule.verdict for r in self.run_assertions]
        verdict = merge((*judged, *across))
        reason = None
        if sight.failed:
            verdict, reason = Verdict.INCONCLUSIVE, "a source broke off: " + "; ".join(sight.failed)
        elif not judged and all(v is Verdict.VACUOUS for v in across):
            reason = self._nothing(evidence, sight)
        elif (missed := (*self.absent, *self.unjudged)) and verdict is not Verdict.VIOLATED:
            verdict = min(verdict, Verdict.INCONCLUSIVE, key=WORST_FIRST.index)
            reason = missed[0]
        return Report(
            verdict=verdict,
            at_ns=sight.at_ns,
            version=version,
            assume=assumed,
            sources=evidence.sources,
            flows=tuple(self.flows),
            run_assertions=tuple(self.run_assertions),
            strays=self.strays[0].strays if self.strays else (),
            unfired=tuple(r for r in self.rules if r not in self.fired and r.split(":")[0] in self.applied),
            unmatched_steps=tuple(s for s in self.expected if s not in self.matched),
            reason=reason,
            notes=tuple(n for n in (*self.absent, *self.unjudged, *self.notes) if n != reason),
            strict=self.strict,
        )

    def _nothing(self, evidence: Evidence, sight: Sight) -> str:
        """Why no flow was judged."""
        if self.absent:
            return self.absent[0]
        if not evidence.spans and not evidence.records:
            return "no span and no record was read: nothing seen is never a pass"
        if any(r.flows for r in self.run_assertions):
            return "no rule was activated: those that judge the run found too little to compare"
        if self.flows:
            return f"no shape applies to any flow; {self.flows[0].name}={self.flows[0].key}: {self.flows[0].reason}"
        if evidence.first_ns > sight.at_ns:
            return f"all that was read is later than {moment(sight.at_ns)}, the moment asked about"
        if any(g.flows for g in self.strays):
            return f"no flow had begun by {moment(sight.at_ns)}, the moment asked about"
        keys = sorted(self.keys)
        near = [name for key in keys for name in like(key, evidence.spans, most=3)]
        hint = f"; attributes with a name like it: {', '.join(near)}" if near else ""
        return f"no observation leads to a flow: none carries the key {' or '.join(keys)}{hint}"
