"""The verdict table: from what one rule found in one flow to its verdict. The only place that decides.

In: a `Result`, the flow it was found in, what the sources can show. Out: verdict, findings with their verdicts and
premises. The first row of the table that applies to a claim holds:

    the claim rests on                                      verdict
    no absence                                              violated / satisfied, final
    a step that no given source can show                    inconclusive
    something unreadable                                    inconclusive
    an absence whose window is not over                     pending
    an absence that a loss could explain                    inconclusive
    order or bound within clock uncertainty                 inconclusive
    never activated, that absence proven                    vacuous
    absences, all proven                                    violated / satisfied, with premises
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verifier.binding import BoundFlow, Maybe
from verifier.engine.complete import Proof, Sight
from verifier.flows import Member, RowId
from verifier.spans import Loss, Observation, Span
from verifier.verdict import (
    WORST_FIRST,
    Absence,
    Evidence,
    Finding,
    Judged,
    Misordered,
    Missing,
    Result,
    Unproven,
    Unreadable,
    Verdict,
)

ROWS = ("blind", "unread", "open", "lost")  # obstacles to an absence, in the order of the table


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict of one rule on one flow, with the findings that carry it."""

    verdict: Verdict
    findings: tuple[Judged, ...] = ()
    premises: tuple[str, ...] = ()
    due_ns: int | None = None


@dataclass(slots=True, kw_only=True)
class Table:
    """The table for one flow: `own_losses` are the signs of loss in the flow itself, `weak` its rows by a guess."""

    sight: Sight
    own_losses: tuple[Loss, ...] = ()
    weak: Mapping[RowId, Member] = field(default_factory=dict)
    _lossy: dict[str, str | None] = field(default_factory=dict)

    def decide(self, flow: BoundFlow, result: Result) -> Decision:
        """What follows from one result."""
        return decided(
            result,
            lambda finding: self._finding(flow, finding),
            lambda absences, verdict: self._claim(flow, result, absences, verdict),
        )

    def _finding(self, flow: BoundFlow, finding: Finding) -> Judged:
        if isinstance(finding, Missing) and finding.state is None:
            finding = _attempted(flow, finding)
        proofs = [self.sight.prove(a, flow, self.own_losses) for a in finding.absences]
        return judged(finding, proofs, lambda: self._guessed(flow, finding.evidence, breaks=True))

    def _claim(self, flow: BoundFlow, result: Result, absences: Sequence[Absence], verdict: Verdict) -> Decision:
        proofs = [self.sight.prove(a, flow, self.own_losses) for a in absences]

        def unproven(obstacle: Proof | None) -> Finding:
            if obstacle is not None and obstacle.maybe is not None:
                return unread(flow, obstacle.maybe)
            evidence = result.evidence or _anything(flow)
            return Unproven(evidence=evidence, absences=tuple(absences), activated=verdict is Verdict.SATISFIED)

        return claimed(verdict, proofs, lambda: self._guessed(flow, result.evidence, breaks=False), unproven)

    def lossy(self, flow: BoundFlow) -> str | None:
        """Why evidence of this flow may be lost; None if nothing says so."""
        if "" not in self._lossy:
            self._lossy[""] = self.sight.lossy_for(flow, self.own_losses)
        return self._lossy[""]

    def _guessed(self, flow: BoundFlow, evidence: tuple[Evidence, ...], *, breaks: bool) -> str | None:
        """Why evidence that belongs here only by a guess supports nothing, where evidence may be lost.

        A violation rests on no guess at all; a chain that was seen may rest on what a row led to, not on an alias.
        """
        guesses = (self.weak[e.of.row.id] for e in evidence if e.of.row.id in self.weak)
        weak = next((m for m in guesses if breaks or m.by_alias), None)
        if weak is None:
            return None
        why = self.lossy(flow)
        return None if why is None else by_guess(weak, flow, why)


def decided(
    result: Result,
    finding: Callable[[Finding], Judged],
    claim: Callable[[Sequence[Absence], Verdict], Decision],
) -> Decision:
    """What follows from a result, where each finding and the claim "nothing is wrong" are decided as said."""
    if result.findings:
        findings = sorted((finding(f) for f in result.findings), key=_printed)
        verdict = min((j.verdict for j in findings), key=WORST_FIRST.index)
        due = min((j.due_ns for j in findings if j.due_ns is not None), default=None)
        premises = tuple(dict.fromkeys(p for j in findings if j.verdict is verdict for p in j.premises))
        return Decision(verdict=verdict, findings=tuple(findings), premises=premises, due_ns=due)
    if not result.activated:
        return claim(result.activators, Verdict.VACUOUS)
    return claim(result.absences, Verdict.SATISFIED)


def judged(finding: Finding, proofs: Sequence[Proof], guessed: Callable[[], str | None]) -> Judged:
    """A finding by the table; `guessed` says why its evidence is no evidence."""
    obstacle = first_obstacle(proofs)
    if not finding.certain:
        if obstacle is not None and obstacle.state == "open":
            return _pending(finding, obstacle)
        settled = finding.settled_by if isinstance(finding, Unreadable) else None
        return Judged(finding=finding, verdict=Verdict.INCONCLUSIVE, reason=finding.doubt, settled_by=settled)
    if obstacle is not None:
        return _obstructed(finding, obstacle)
    why = guessed()
    if why is not None:
        return Judged(finding=finding, verdict=Verdict.INCONCLUSIVE, reason=why)
    premises = tuple(dict.fromkeys(p for proof in proofs for p in proof.premises))
    return Judged(finding=finding, verdict=Verdict.VIOLATED, premises=premises)


def claimed(
    verdict: Verdict,
    proofs: Sequence[Proof],
    guessed: Callable[[], str | None],
    unproven: Callable[[Proof | None], Finding],
) -> Decision:
    """ "Nothing is wrong", or "it was never activated": holds if every absence that it rests on is proven; a claim
    without absences if what was seen for it is evidence.
    """
    obstacle = first_obstacle(proofs)
    if obstacle is not None and obstacle.state == "open":
        return Decision(verdict=Verdict.PENDING, due_ns=obstacle.until_ns)
    why = guessed() if not proofs else None
    if obstacle is None and why is None:
        return Decision(verdict=verdict, premises=tuple(dict.fromkeys(p for proof in proofs for p in proof.premises)))
    finding = Judged(
        finding=unproven(obstacle),
        verdict=Verdict.INCONCLUSIVE,
        reason=obstacle.why if obstacle is not None else why,
        settled_by=obstacle.settled_by if obstacle is not None else None,
    )
    return Decision(verdict=Verdict.INCONCLUSIVE, findings=(finding,))


def by_guess(weak: Member, flow: BoundFlow, why: str) -> str:
    """That a row belongs to the flow only by a guess, and why that proves nothing."""
    how = {"alias": "its " + " or ".join(flow.shape.flow.aliases), "children": "what it led to", "link": "a link"}
    name = Observation(row=weak.row).name
    return f"{name} belongs to this flow only by {how.get(weak.why, f'its {weak.why}')}, and {why}"


def _attempted(flow: BoundFlow, finding: Missing) -> Missing:
    """The finding, with the attempts at its step that failed: they don't count, and often say why it is missing."""
    attempts = flow.attempts(finding.step) if finding.step in flow.shape.steps else ()
    if not attempts:
        return finding
    return replace(
        finding,
        attempts=tuple(o.row.status_message if isinstance(o.row, Span) else "" for o in attempts),
        evidence=(*finding.evidence, *(flow.evidence("failed attempt", o) for o in attempts)),
    )


def first_obstacle(proofs: Sequence[Proof]) -> Proof | None:
    """The obstacle that stands first in the table; of open ones, the one that lasts longest."""
    for state in ROWS:
        found = [p for p in proofs if p.state == state]
        if found:
            return max(found, key=lambda p: (p.until_ns is None, p.until_ns or 0))
    return None


def _obstructed(finding: Finding, obstacle: Proof) -> Judged:
    if obstacle.state == "open":
        return _pending(finding, obstacle)
    return Judged(finding=finding, verdict=Verdict.INCONCLUSIVE, reason=obstacle.why, settled_by=obstacle.settled_by)


def _pending(finding: Finding, obstacle: Proof) -> Judged:
    return Judged(finding=finding, verdict=Verdict.PENDING, reason=obstacle.why, due_ns=obstacle.until_ns)


def unread(flow: BoundFlow, maybe: Maybe) -> Finding:
    """A `Maybe` as the finding that it is: an order that can't be told, or a value that can't be read."""
    evidence = (flow.evidence(maybe.step, maybe.of),)
    service = maybe.of.row.service
    if maybe.order is not None:
        return Misordered(
            step=maybe.step,
            service=service,
            first=maybe.attribute,
            then=maybe.step,
            scope=maybe.attribute,
            order=maybe.order,
            evidence=evidence,
            certain=False,
            anomaly="unproven",
        )
    return Unreadable(
        step=maybe.step,
        service=service,
        what=maybe.attribute,
        raw=maybe.raw,
        why=maybe.why,
        settled_by=maybe.settled_by,
        evidence=evidence,
    )


def _anything(flow: BoundFlow) -> tuple[Evidence, ...]:
    """Some row of the flow: what was seen of it at all."""
    return tuple(flow.evidence("seen", Observation(row=m.row)) for m in flow.flow.members[:1])


def _printed(judged: Judged) -> tuple[int, int, tuple[tuple[str, ...], ...]]:
    """Worst first, then by time."""
    evidence = judged.finding.evidence
    first = min((e.of.first_ns for e in evidence), default=0)
    return (WORST_FIRST.index(judged.verdict), first, tuple(e.of.id for e in evidence))
