"""has: every occurrence fulfils a condition, or decides as a rule says.

In: a flow with its steps bound, narrowed to the scope. Out: a `Mismatch` for each occurrence that doesn't, an
`Unreadable` for each of which that can't be told.
"""

from collections.abc import Mapping
from dataclasses import field, fields
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence
from verifier.shape import Condition, Conditions, Rule, Scalar, Shape, StepName
from verifier.values import Truth, holds, plain
from verifier.verdict import Absence, Finding, Mismatch, Result, Unreadable


@assertion
class Has(Rule):
    """Every `step` fulfils `where`; where `if` holds it fulfils `then`, else `else`.

    Term: universality (Dwyer), decision rule. Formula: `G(a → where)`, `G(a ∧ if → then)`, `G(a ∧ ¬if → else)`.
    Bounds are included or not as written: `{ge: 0.7}` holds for exactly 0.7. A value that is surely not there fulfils
    only `exists: false`; one that can't be read decides nothing.
    """

    step: StepName
    where: Conditions = field(default_factory=dict)
    if_: Conditions = field(default_factory=dict)
    then: Conditions = field(default_factory=dict)
    else_: Conditions = field(default_factory=dict)

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """What is wrong with the parameters together."""
        if scopes := Rule.problems(self, shape):
            return scopes
        if not (self.where or self.then or self.else_):
            return [("step", "'has' needs a condition: `where`, or `if` with `then` or `else`")]
        if (self.then or self.else_) and not self.if_:
            return [("then" if self.then else "else", "'then' and 'else' need an `if`")]
        return []

    def check(self, flow: BoundFlow) -> Result:
        absence = Absence(steps=(self.step,))
        return Result(
            findings=tuple(f for o in flow.sightings(self.step) for f in self._one(flow, o)),
            activated=bool(flow.occurrences[self.step]),
            activators=(absence,),
            absences=(absence,),
            evidence=flow.some(self.step),
        )

    def _one(self, flow: BoundFlow, occurrence: Occurrence) -> list[Finding]:
        findings = self._all(flow, occurrence, self.where)[1]
        if not self.if_:
            return findings
        applies, unread = self._all(flow, occurrence, self.if_)
        if applies is None:
            (kept, wrong), (other, wrong_too) = (self._all(flow, occurrence, c) for c in (self.then, self.else_))
            if kept is False and other is False:  # broken, whichever of the two applies
                return findings + [f for f in (*wrong, *wrong_too) if isinstance(f, Mismatch)]
            return findings + ([] if kept and other else [f for f in unread if isinstance(f, Unreadable)])
        return findings + self._all(flow, occurrence, self.then if applies else self.else_)[1]

    def _all(self, flow: BoundFlow, occurrence: Occurrence, conditions: Conditions) -> tuple[Truth, list[Finding]]:
        truths: list[Truth] = []
        findings: list[Finding] = []
        evidence = (flow.evidence(self.step, occurrence),)
        service = occurrence.of.row.service
        for name, condition in conditions.items():
            seen = flow.value(occurrence.of, name)
            truth = None if seen.state == "unreadable" else holds(seen.value, condition)
            truths.append(truth)
            if truth is None:
                why = seen.why or "it can't be read as the type that it is compared with"
                findings.append(
                    Unreadable(
                        step=self.step,
                        service=service,
                        what=name,
                        raw=seen.value,
                        why=why,
                        settled_by=seen.settled_by,
                        evidence=evidence,
                    )
                )
            elif not truth:
                findings.append(
                    Mismatch(
                        step=self.step,
                        service=service,
                        attribute=name,
                        how="condition",
                        seen=seen.value,
                        expected=said(condition),
                        evidence=evidence,
                        anomaly="wrong branch" if conditions is not self.where else "wrong value",
                    )
                )
        return (False if False in truths else None if None in truths else True), findings

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : one @ 0..1ms n=3",
            parameters={"step": "one", "where": {"n": Condition(ge=3, lt=4)}},
        ),
        Example(
            verdict="violated",
            sketch="a : one @ 0..1ms n=4",
            parameters={"step": "one", "where": {"n": Condition(ge=3, lt=4)}},
        ),
        Example(
            verdict="satisfied",
            about="0.7 exactly is high",
            sketch="a : one @ 0..1ms confidence=0.7 outcome=original",
            parameters={
                "step": "one",
                "if_": {"confidence": Condition(ge=0.7)},
                "then": {"outcome": "original"},
                "else_": {"outcome": "unknown"},
            },
        ),
        Example(
            verdict="violated",
            about="0.69 is not",
            sketch="a : one @ 0..1ms confidence=0.69 outcome=original",
            parameters={
                "step": "one",
                "if_": {"confidence": Condition(ge=0.7)},
                "then": {"outcome": "original"},
                "else_": {"outcome": "unknown"},
            },
        ),
        Example(
            verdict="inconclusive",
            about="a value that is no number",
            sketch="a : one @ 0..1ms n=many",
            parameters={"step": "one", "where": {"n": Condition(ge=3)}},
        ),
        Example(
            verdict="violated",
            about="numbers may come as text",
            sketch='a : one @ 0..1ms n="2"',
            parameters={"step": "one", "where": {"n": Condition(ge=3)}},
        ),
        Example(
            verdict="vacuous",
            sketch="a : two @ 0..1ms",
            parameters={"step": "one", "where": {"n": Condition(ge=3)}},
        ),
    )


def said(condition: Condition | Scalar) -> str:
    """A condition as text: `3`, `≥ 0.7`, `one of a, b`."""
    if not isinstance(condition, Condition):
        return plain(condition)
    words = {"eq": "", "ne": "not ", "lt": "< ", "le": "≤ ", "gt": "> ", "ge": "≥ ", "matches": "matching "}
    out: list[str] = []
    for f in fields(condition):
        value = getattr(condition, f.name)
        if value is None:
            continue
        if f.name == "exists":
            out.append("present" if value else "absent")
        elif isinstance(value, tuple):
            listed = ", ".join(plain(v) for v in value)
            out.append(f"{'one of' if f.name == 'in_' else 'none of'} {listed}")
        elif not isinstance(value, Mapping):
            out.append(f"{words[f.name]}{plain(value)}")
    return " and ".join(out)
