"""propagates: one value, the same everywhere, present where it must be.

In: a flow with its steps bound, narrowed to the scope. Out: a `Mismatch` at the first hop where the value changed, was
not allowed or was lost; an `Unreadable` where a step's value can't be seen.
"""

from collections.abc import Sequence
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence
from verifier.flows import Row
from verifier.shape import AttributeName, Rule, Scalar, Step, StepName
from verifier.spans import Observation, Record, Span, Value, destination, own
from verifier.values import canonical
from verifier.verdict import Absence, Finding, Mismatch, Result, Unreadable

Carrier = tuple[Row, Value]


@assertion
class Propagates(Rule):
    """An attribute has one value in the whole flow, one of `one_of`, and is there at every step of `through`.

    Term: attribute propagation. Formula: `∀ x, y that carry it: x.v = y.v`, `x.v ∈ one_of`, `∀ s ∈ through: ∃ s.v`.
    A changed value is sure. A lost one is sure only where the message's record lacks it, or the step says `carries`;
    else it can't be read. Names the first bad hop: service, topic, old and new value.
    """

    attribute: AttributeName
    through: tuple[StepName, ...] = ()
    one_of: tuple[Scalar, ...] = ()

    def check(self, flow: BoundFlow) -> Result:
        names = flow.shape.attributes.get(self.attribute, (self.attribute,))
        carriers: list[Carrier] = [(row, value) for row in flow.rows() if (value := own(row, names)) is not None]
        findings: list[Finding] = []
        if carriers:
            findings += self._changed(flow, carriers)
            findings += self._not_allowed(flow, carriers)
        for step in self.through:
            for occurrence in flow.sightings(step):
                findings += self._lost(flow, step, occurrence, names)
        rows = Absence(spans=True, records=True)
        maybes = (m for step in self.through for m in flow.maybes[step])
        steps = Absence(steps=tuple(self.through), but_maybes=all(own(m.of.row, names) is not None for m in maybes))
        return Result(
            findings=tuple(findings),
            activated=bool(carriers) or any(flow.occurrences[s] for s in self.through),
            activators=(steps, rows) if self.through else (rows,),
            absences=(steps, rows) if self.through else (rows,),
            evidence=tuple(flow.evidence(self.attribute, Observation(row=row)) for row, _ in carriers[:8]),
        )

    def _changed(self, flow: BoundFlow, carriers: Sequence[Carrier]) -> list[Finding]:
        by_value: dict[str, list[Carrier]] = {}
        for carrier in carriers:
            by_value.setdefault(canonical(carrier[1]), []).append(carrier)
        if len(by_value) == 1:
            return []
        start, old = self._origin(flow, [self._origin(flow, group) for group in by_value.values()])
        out: list[Finding] = []
        for value, group in by_value.items():
            if value == canonical(old):
                continue
            row, new = self._origin(flow, group)
            message = self._first_message(group)
            shown = (start, row) if message is None or message is row else (start, row, message)
            out.append(
                Mismatch(
                    step=self._step(flow, row),
                    service=row.service,
                    attribute=self.attribute,
                    how="changed",
                    seen=new,
                    expected=old,
                    topic=_topic(row) or (_topic(message) if message is not None else None),
                    evidence=tuple(
                        flow.evidence(f"{self.attribute}={canonical(old if r is start else new)}", Observation(row=r))
                        for r in shown
                    ),
                    anomaly="broken propagation",
                )
            )
        return out

    def _not_allowed(self, flow: BoundFlow, carriers: Sequence[Carrier]) -> list[Finding]:
        allowed = {canonical(v) for v in self.one_of}
        bad: dict[str, list[Carrier]] = {}
        for carrier in carriers:
            if allowed and canonical(carrier[1]) not in allowed:
                bad.setdefault(canonical(carrier[1]), []).append(carrier)
        out: list[Finding] = []
        for group in bad.values():
            row, value = self._origin(flow, group)
            out.append(
                Mismatch(
                    step=self._step(flow, row),
                    service=row.service,
                    attribute=self.attribute,
                    how="not_allowed",
                    seen=value,
                    expected=tuple(self.one_of),
                    topic=_topic(row),
                    evidence=(flow.evidence(f"{self.attribute}={canonical(value)}", Observation(row=row)),),
                    anomaly="broken propagation",
                )
            )
        return out

    def _lost(self, flow: BoundFlow, step: str, occurrence: Occurrence, names: tuple[str, ...]) -> list[Finding]:
        row = occurrence.of.row
        seen = flow.value(occurrence.of, self.attribute)
        must = self.attribute in flow.shape.steps[step].carries and isinstance(row, Span)
        bare = must and own(row, names) is None
        if seen.state == "known" and not bare:
            return []
        evidence = flow.evidence(step, occurrence)
        dropped = isinstance(row, Span) and bool(row.dropped_attributes)
        silent = seen.state == "unreadable" or seen.rows == (row,)
        if (bare and dropped) or (not bare and silent and not isinstance(row, Record)):
            return [
                Unreadable(
                    step=step,
                    service=row.service,
                    what=self.attribute,
                    why=seen.why or "it is not on the span, and the span speaks of no message",
                    settled_by=seen.settled_by,
                    evidence=(evidence,),
                )
            ]
        return [
            Mismatch(
                step=step,
                service=row.service,
                attribute=self.attribute,
                how="lost",
                topic=_topic(row),
                evidence=(evidence, *(flow.evidence("message", Observation(row=r)) for r in seen.rows if r is not row)),
                anomaly="broken propagation",
            )
        ]

    @staticmethod
    def _origin(flow: BoundFlow, group: Sequence[Carrier]) -> Carrier:
        """Where a value comes from: a row that no other row of the group caused; the earliest of these."""
        ids = {row.id for row, _ in group}
        roots = [c for c in group if not (flow.clocks.ancestors(c[0]) & ids)] or list(group)
        return min(roots, key=lambda c: (Observation(row=c[0]).first_ns, Observation(row=c[0]).id))

    @staticmethod
    def _first_message(group: Sequence[Carrier]) -> Row | None:
        """The first of the group that went over a topic."""
        rows = sorted((row for row, _ in group if _topic(row)), key=lambda r: Observation(row=r).first_ns)
        return rows[0] if rows else None

    def _step(self, flow: BoundFlow, row: Row) -> str | None:
        for step in (*self.through, *flow.occurrences):
            if any(o.row is row for occurrence in flow.occurrences[step] for o in occurrence.all):
                return step
        return None

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : one @ 0..1ms code=X\nb : two @ 20..21ms code=X",
            parameters={"attribute": "code", "through": ("one", "two"), "one_of": ("X", "Y")},
        ),
        Example(
            verdict="violated",
            about="changed",
            sketch="a : one @ 0..1ms code=X\nb : two @ 20..21ms code=Y",
            parameters={"attribute": "code"},
        ),
        Example(
            verdict="violated",
            about="not one of the allowed",
            sketch="a : one @ 0..1ms code=Z",
            parameters={"attribute": "code", "one_of": ("X", "Y")},
        ),
        Example(
            verdict="violated",
            about="lost: neither the span nor its message's record has it",
            sketch="a : one @ 0..1ms code=X\n[t 0:1] @ 10..12ms event_id=e\nb : two @ 20..21ms event_id=e",
            parameters={"attribute": "code", "through": ("two",)},
        ),
        Example(
            verdict="inconclusive",
            about="its message's record was not seen",
            sketch="a : one @ 0..1ms code=X\nb : two @ 20..21ms event_id=e",
            parameters={"attribute": "code", "through": ("two",)},
        ),
        Example(
            verdict="violated",
            about="the span itself must carry it; an empty string is no value",
            sketch='a : one @ 0..1ms code=X\nb : two @ 20..21ms code=""',
            parameters={"attribute": "code", "through": ("two",)},
            steps={"two": Step(span="two", carries=(AttributeName("code"),))},
        ),
        Example(
            verdict="inconclusive",
            about="another row may be lost, with another value",
            sketch="a : one @ 0..1ms code=X",
            parameters={"attribute": "code"},
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="two values are two values, whatever is lost",
            sketch="a : one @ 0..1ms code=X\nb : two @ 20..21ms code=Y",
            parameters={"attribute": "code"},
            assume="lossy",
        ),
    )


def _topic(row: Row) -> str | None:
    return row.topic if isinstance(row, Record) else destination(row)
