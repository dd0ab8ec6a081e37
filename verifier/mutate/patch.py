"""One change of telemetry, as data: which rows go, which come, and what it means for the truth.

In: nothing. Out: `Mutation`, and `applied`: rows with a mutation in them. Nothing here judges.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from verifier.flows import Row, RowId
from verifier.spans import Loss, Observation, Record, Span

Truth = Literal["unchanged", "lost", "changed"]
"""What a mutation means for the truth: see `Mutation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change of what was seen of a flow.

    `truth`
      unchanged: telemetry was only damaged or repeated; business and evidence are what they were, and so is every
                 verdict that still can be given: a good flow is never violated, a bad one never satisfied.
      lost:      evidence is gone. Under the premise `lossy` the same holds. Under `complete` what was not seen did not
                 happen, so any verdict may follow, unless the loss is `announced` by what is left (a count of dropped
                 parts, a parent that is missing, an input that broke off): then it holds there too.
      changed:   it pretends that the business did something else: another value, another order, a second handling.
                 Any verdict may follow, under any premise.

    `earlier`: it shows an earlier moment, at which a flow that went wrong may still have been good.
    `gone` are the rows that it takes away, `come` those that it puts in (a changed row is in both), `touched` the rows
    that it is about. `losses` are what a source would report. `attribute` is the one that it is about, if it is.
    """

    kind: str
    what: str
    truth: Truth
    announced: bool = False
    earlier: bool = False
    gone: frozenset[RowId] = frozenset()
    come: tuple[Row, ...] = ()
    losses: tuple[Loss, ...] = ()
    attribute: str | None = None

    @property
    def touched(self) -> tuple[RowId, ...]:
        """The ids of all rows that go or come, sorted."""
        return tuple(sorted({*self.gone, *(row.id for row in self.come)}, key=str))

    def binds(self, premise: str, *, good: bool) -> bool:
        """Whether under this premise ("complete", "lossy") a good flow may not be violated, or a bad one satisfied."""
        if self.earlier and not good:
            return False
        return self.truth == "unchanged" or (self.truth == "lost" and (self.announced or premise == "lossy"))


def applied(
    mutation: Mutation, spans: Iterable[Span], records: Iterable[Record]
) -> tuple[tuple[Span, ...], tuple[Record, ...]]:
    """(spans, records) with the mutation in them. Rows that repeat an id stay twice: the sources free them of that."""
    kept = [s for s in spans if s.id not in mutation.gone]
    published = [r for r in records if r.id not in mutation.gone]
    kept += [row for row in mutation.come if isinstance(row, Span)]
    published += [row for row in mutation.come if isinstance(row, Record)]
    return tuple(kept), tuple(published)


def changed(
    kind: str,
    what: str,
    pairs: Iterable[tuple[Row, Row]],
    *,
    truth: Truth,
    announced: bool = False,
    attribute: str | None = None,
) -> Mutation:
    """A mutation that puts other rows in the place of some: (old, new)."""
    both = tuple(pairs)
    return Mutation(
        kind=kind,
        what=what,
        truth=truth,
        announced=announced,
        attribute=attribute,
        gone=frozenset(old.id for old, _ in both),
        come=tuple(new for _, new in both),
    )


def named(row: Row) -> str:
    """A row in a few words."""
    if isinstance(row, Record):
        return f"{row.topic} {row.partition}:{row.offset}"
    return f"{row.service} {row.name}"


def begins(row: Row) -> int:
    """When a row begins, for taking rows in their order."""
    return Observation(row=row).first_ns
