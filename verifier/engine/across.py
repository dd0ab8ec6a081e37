"""Judges the run: rules across flows, by the same table and the same reasoning about absences.

In: flows as they are laid against a shape, one after the other. Out: a `RunVerdict` for each rule that judges the run.
Of a flow only what the rule collects of it is kept, and what stands in the way of an absence in it.

An absence across flows is proven if it is in every flow that the shape applies to, or may, and if no whole flow can
have been missed: no source may be lossy in the run's whole window, and it may not be judged as of a moment after which
more begins. A rule across flows is asked about all flows that were gathered, however few of them were chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from verifier.binding import BoundFlow
from verifier.clock import Clocks
from verifier.engine.complete import Proof, Sight
from verifier.engine.decide import Decision, by_guess, claimed, decided, first_obstacle, judged, unread
from verifier.engine.judge import Laid, answered
from verifier.engine.plan import Plan
from verifier.flows import Flow, RowId
from verifier.shape import RunRule, points_of
from verifier.shares import Share
from verifier.verdict import (
    Absence,
    AssertionVerdict,
    Broken,
    Evidence,
    Finding,
    Judged,
    Result,
    RunVerdict,
    Unproven,
    Verdict,
)


@dataclass(slots=True, kw_only=True)
class _Asked:
    """One rule, what flows gave to it, and the worst that stands in the way of each absence that it rests on."""

    rule: RunRule
    id: str
    at: str | None
    shares: list[Share] = field(default_factory=list)
    obstacles: dict[Absence, list[tuple[Proof, Finding | None]]] = field(default_factory=dict)
    guesses: dict[RowId, str] = field(default_factory=dict)
    seen: tuple[Evidence, ...] = ()
    broken: str | None = None


class Across:
    """The rules of one shape that judge the run; `early`: more begins after the moment that it is judged as of."""

    def __init__(self, plan: Plan, sight: Sight, *, early: bool = False) -> None:
        self.plan, self.sight, self.early = plan, sight, early
        shape = plan.shape
        self.asked = [
            _Asked(rule=rule, id=plan.ids[i], at=str(shape.places[i]) if shape.places else None)
            for i, rule in enumerate(shape.assertions)
            if isinstance(rule, RunRule)
        ]
        self._steps = frozenset(step for asked in self.asked for _, step in points_of(asked.rule))
        self.matched: frozenset[str] = frozenset()

    def add(self, laid: Laid) -> None:
        """Takes of a flow what the rules need of it."""
        self.matched |= laid.matched & self._steps
        for asked in self.asked:
            if asked.broken is None:
                try:
                    _take(asked, laid)
                except Exception as error:  # a rule that fails is an error of its own, never a pass and never dropped
                    asked.broken = f"{type(error).__name__}: {error}"

    def verdicts(self) -> tuple[RunVerdict, ...]:
        """What the rules say of all that was added."""
        return tuple(self._verdict(asked) for asked in self.asked)

    def _verdict(self, asked: _Asked) -> RunVerdict:
        decision: Decision | None = None
        if asked.broken is None:
            try:
                decision = self._decide(asked)
            except Exception as error:
                asked.broken = f"{type(error).__name__}: {error}"
        if decision is None:
            finding = Broken(rule=asked.id, exception=asked.broken or "")
            decision = Decision(verdict=Verdict.ERROR, findings=(Judged(finding=finding, verdict=Verdict.ERROR),))
        rule = AssertionVerdict(
            id=asked.id,
            kind=asked.rule.kind,
            at=asked.at,
            verdict=decision.verdict,
            findings=decision.findings,
            premises=decision.premises,
            due_ns=decision.due_ns if decision.verdict is Verdict.PENDING else None,
        )
        return RunVerdict(shape=self.plan.shape.shape, flows=len(asked.shares), rule=rule)

    def _decide(self, asked: _Asked) -> Decision:
        result = asked.rule.check_run(tuple(asked.shares))
        proofs = {absence: self._proofs(asked, absence) for absence in asked.rule.rests_on()}

        def of(absences: Sequence[Absence]) -> list[Proof]:
            return [proof for absence in absences for proof, _ in proofs[absence]]

        def guessed(evidence: Sequence[Evidence]) -> str | None:
            return next((asked.guesses[e.of.row.id] for e in evidence if e.of.row.id in asked.guesses), None)

        def claim(absences: Sequence[Absence], verdict: Verdict) -> Decision:
            return claimed(
                verdict,
                of(absences),
                lambda: guessed(result.evidence),
                lambda obstacle: _unproven(asked, result, absences, verdict, obstacle, proofs),
            )

        return decided(result, lambda f: judged(_of_run(f), of(f.absences), lambda: guessed(f.evidence)), claim)

    def _proofs(self, asked: _Asked, absence: Absence) -> list[tuple[Proof, Finding | None]]:
        """What stands in the way in flows that were seen; and whether a whole flow can have been missed."""
        nobody = BoundFlow(
            shape=self.plan.shape,
            flow=Flow(name=self.plan.shape.flow.key, key=""),
            clocks=Clocks(rows=()),
            opened_ns=self.sight.from_ns,
            closed=not self.early,
            until_ns=self.sight.at_ns,
        )
        proof = self.sight.prove(absence, nobody, ())
        if proof.state == "open":
            proof = replace(proof, why="more begins after the moment that is asked about")
        elif proof.state == "lost" and proof.settled_by is not None:
            proof = replace(proof, settled_by=proof.settled_by.replace("of this flow", "of every flow"))
        return [(proof, None), *asked.obstacles.get(absence, ())]  # of two alike, that of the whole run is told


def _take(asked: _Asked, laid: Laid) -> None:
    flow, table = laid.bound, laid.table
    applies, why = answered(flow, asked.rule.when)
    if applies is False:
        return
    doubt = laid.reason or why
    entries = asked.rule.collect(flow)
    asked.shares.append(Share(name=flow.flow.name, key=flow.flow.key, entries=entries, doubt=doubt))
    if not asked.seen:
        asked.seen = tuple(e.evidence for e in entries[:1])
    for entry in entries:
        weak = table.weak.get(entry.evidence.of.row.id)
        lossy = table.lossy(flow) if weak is not None or entry.weak_cause else None
        if weak is not None and lossy is not None:
            asked.guesses[weak.row.id] = by_guess(weak, flow, lossy).replace("this flow", f"flow {flow.flow.key}")
        if entry.cause is not None and entry.weak_cause and lossy is not None:
            said = f"{entry.cause.of.name} belongs to flow {entry.other} only by a guess, and {lossy}"
            asked.guesses.setdefault(entry.cause.of.row.id, said)
    for absence in asked.rule.rests_on():
        proof = table.sight.prove(absence, flow, table.own_losses)
        if proof.state == "proven":
            continue
        finding = unread(flow, proof.maybe) if proof.maybe is not None else None
        if proof.why is not None:
            proof = replace(proof, why=f"{proof.why} (flow {flow.flow.key})")
        known: list[tuple[Proof, Finding | None]] = [*asked.obstacles.get(absence, ()), (proof, finding)]
        worst = first_obstacle([p for p, _ in known])
        asked.obstacles[absence] = [one for one in known if one[0] is worst]


def _unproven(
    asked: _Asked,
    result: Result,
    absences: Sequence[Absence],
    verdict: Verdict,
    obstacle: Proof | None,
    proofs: dict[Absence, list[tuple[Proof, Finding | None]]],
) -> Finding:
    for absence in absences:
        for proof, finding in proofs[absence]:
            if proof is obstacle and finding is not None:
                return finding
    evidence = result.evidence or asked.seen
    return _of_run(Unproven(evidence=evidence, absences=tuple(absences), activated=verdict is Verdict.SATISFIED))


def _of_run(finding: Finding) -> Finding:
    """The finding, its absences marked: they are meant in every flow."""
    return replace(finding, absences=tuple(replace(absence, run=True) for absence in finding.absences))
