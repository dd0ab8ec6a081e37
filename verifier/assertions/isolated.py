"""isolated: flows have nothing to do with each other.

In: of each flow, the entities that its own rows name, and the edges that lead into it out of other flows. Out: a
`Mismatch` for each entity that two flows have, and for each flow that led to another.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow
from verifier.shape import AttributeName, RunRule
from verifier.shares import Entry, Share, certain, folded, shown
from verifier.spans import Observation, Value, first, own
from verifier.steps import observations
from verifier.values import canonical
from verifier.verdict import Absence, Evidence, Finding, Mismatch, Result, Unreadable

ROWS = (Absence(spans=True, records=True),)


@assertion
class Isolated(RunRule):
    """An entity belongs to one flow, and no flow leads to another.

    Term: non-interference. Formula: `∀ x ∈ F, y ∈ G: x.entity = y.entity → F = G`, and no `x ~> y` by parent, link or
    message, for rows x, y that are the flows' own. What serves several flows (a monitor's cycle) is nobody's own: an
    edge through it is none, and an entity on it is not counted. A list names each of its items.
    Two flows that were seen to share are sure. That none do rests on having seen every row; with entities in fewer than
    two flows it is never activated. Only flows of the shape are compared: without `when`, all are.
    """

    entity: AttributeName

    def collect(self, flow: BoundFlow) -> tuple[Entry, ...]:
        return folded(flow, (*self._entities(flow), *_edges(flow)))

    def rests_on(self) -> tuple[Absence, ...]:
        return ROWS

    def check_run(self, shares: Sequence[Share]) -> Result:
        every = list(certain(shares))
        entities: dict[str, dict[str, tuple[Entry, str | None]]] = {}
        for share, entry, doubt in every:
            if entry.value is not None:
                entities.setdefault(entry.value, {}).setdefault(share.key, (entry, doubt))
        findings: list[Finding] = []
        for value, flows in sorted(entities.items()):
            if len(flows) > 1:
                findings.append(self._shared(value, flows))
        doubts = {share.key: share.doubt for share in shares}
        for share, entry, doubt in every:
            if entry.other in doubts:
                findings.append(_crossed(share, entry, doubt or doubts[entry.other]))
        having = {key: doubt for flows in entities.values() for key, (_, doubt) in flows.items()}
        if not findings and sum(doubt is None for doubt in having.values()) < 2 <= len(having):
            why = next(doubt for doubt in having.values() if doubt is not None)
            unsure = Unreadable(what=f"whether flows share {self.entity}", why=why, absences=ROWS)
            return Result(findings=(unsure,))
        return Result(
            findings=tuple(findings),
            activated=bool(findings) or len(having) > 1,
            activators=ROWS,
            absences=ROWS,
            evidence=tuple(e.evidence for _, e, _ in every[:4]),
        )

    def _shared(self, value: str, flows: dict[str, tuple[Entry, str | None]]) -> Finding:
        """One entity in several flows; certain if two of them surely count."""
        sure = {key: entry for key, (entry, doubt) in flows.items() if doubt is None}
        counted = sure if len(sure) > 1 else {key: entry for key, (entry, _) in flows.items()}
        firm = [entry for entry in counted.values() if not entry.weak]
        chosen = (
            firm if len(firm) > 1 else counted.values()
        )  # where two are in their flows by no guess, no guess is shown
        return Mismatch(
            service=max((e.evidence.of for e in chosen), key=lambda o: (o.first_ns, o.id)).row.service or None,
            attribute=self.entity,
            how="shared",
            seen=value,
            flows=tuple(sorted(counted)),
            evidence=tuple(sorted((e.evidence for e in chosen), key=lambda e: (e.of.first_ns, e.of.id))),
            certain=len(sure) > 1,
            doubt=None if len(sure) > 1 else next(doubt for _, doubt in flows.values() if doubt is not None),
            absences=() if len(sure) > 1 else ROWS,
            anomaly="cross-talk",
        )

    def _entities(self, flow: BoundFlow) -> Iterable[Entry]:
        names = flow.shape.attributes.get(self.entity, (self.entity,))
        for o in observations(flow.rows()):
            value = first(o.event.attributes, names) if o.event is not None else own(o.row, names)
            for entity in _items(value):
                evidence = shown(flow, f"{self.entity}={entity}", o)
                yield Entry(owner="entity", value=entity, evidence=evidence)

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : store @ 0..1ms flow=1 item=e1\na : store @ 5..6ms flow=2 item=e2",
            parameters={"entity": "item"},
        ),
        Example(
            verdict="violated",
            about="one entity in two flows",
            sketch="a : store @ 0..1ms flow=1 item=e1\na : store @ 5..6ms flow=2 item=e1",
            parameters={"entity": "item"},
        ),
        Example(
            verdict="violated",
            about="a flow led to another: below a row of flow 1 stands one of flow 2",
            sketch=("a : store @ 0..9ms flow=1 item=e1\n  a : store @ 5..6ms flow=2 item=e2"),
            parameters={"entity": "item"},
        ),
        Example(
            verdict="satisfied",
            about="a monitor's cycle serves both: it is shared, and no cross-talk",
            sketch=("a : cycle @ 0..9ms\n  a : confirm @ 1..2ms flow=1 item=e1\n  a : confirm @ 3..4ms flow=2 item=e2"),
            parameters={"entity": "item"},
        ),
        Example(
            verdict="vacuous",
            about="entities in one flow only: nothing to compare",
            sketch="a : store @ 0..1ms flow=1 item=e1\na : other @ 5..6ms flow=2",
            parameters={"entity": "item"},
        ),
        Example(
            verdict="inconclusive",
            about="what they share may be lost",
            sketch="a : store @ 0..1ms flow=1 item=e1\na : store @ 5..6ms flow=2 item=e2",
            parameters={"entity": "item"},
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="what was seen in two flows is sure, whatever is lost",
            sketch="a : store @ 0..1ms flow=1 item=e1\na : store @ 5..6ms flow=2 item=e1",
            parameters={"entity": "item"},
            assume="lossy",
        ),
        Example(
            verdict="inconclusive",
            about="the second row is in flow 2 by its alias only, and evidence may be lost",
            sketch=(
                "a : store @ 0..1ms flow=1 item=e1\na : begin @ 3..4ms flow=2 correlation_id=c\n"
                "a : store @ 5..6ms correlation_id=c item=e1"
            ),
            parameters={"entity": "item"},
            assume="lossy",
        ),
    )


def _edges(flow: BoundFlow) -> Iterable[Entry]:
    for edge in flow.flow.crossing:
        here = shown(flow, f"in {flow.flow.key}", Observation(row=edge.row))
        there = flow.evidence(f"in {edge.other}", Observation(row=edge.cause))
        cause = Evidence(role=there.role, of=there.of, start=there.start, end=there.end, flow=edge.other)
        yield Entry(evidence=here, other=edge.other, how=edge.how, cause=cause, weak_cause=edge.weak)


def _crossed(share: Share, entry: Entry, doubt: str | None) -> Finding:
    row = entry.evidence.of.row
    assert entry.cause is not None
    assert entry.other is not None
    return Mismatch(
        service=row.service or None,
        attribute=share.name,
        how="crossed",
        seen=share.key,
        expected=entry.other,
        flows=tuple(sorted((share.key, entry.other))),
        edge=entry.how,
        evidence=(entry.cause, entry.evidence),
        certain=doubt is None,
        doubt=doubt,
        absences=() if doubt is None else ROWS,
        anomaly="cross-talk",
    )


def _items(value: Value) -> Iterable[str]:
    if value is None or value == "":
        return ()
    if isinstance(value, tuple):
        return sorted({canonical(item) for item in value if item is not None and item != ""})
    return (canonical(value),)
