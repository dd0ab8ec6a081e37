"""What it means that a witness is minimal: written from the definition, without a look at how witnesses are found.

In: a case, one of its rules, a finding of it, rows. Out: whether the rows alone give that finding; every set of rows
with one observation less, a span event being one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from verifier import wording
from verifier.engine.diagnose import Case
from verifier.flows import Row
from verifier.spans import Span
from verifier.verdict import Judged

Said = tuple[object, ...]


def said(judged: Judged) -> Said:
    """What makes a finding this one: its verdict, its name, and all that is said of it, counts included."""
    finding = judged.finding
    return (judged.verdict, finding.word, finding.anomaly, finding.step, wording.title(finding))


def of(judged: Judged) -> list[Said]:
    """The observations that it is said of; an event by its name and time. That an attempt failed is beside the point:
    without it the thing is missing all the same."""
    seen = [e.of for e in judged.finding.evidence if e.role != "failed attempt"]
    return [(*o.row.id, *((o.event.name, o.event.time_ns) if o.event is not None else ())) for o in seen]


def gives(case: Case, number: int, found: Judged, rows: Sequence[Row]) -> bool:
    """Whether the rule with that number says the same of these rows alone: of the same subject, and of no others."""
    every = [j for rule in case.again(case.with_rows(rows), (number,)) for j in rule.findings]
    mine = of(found)
    return any(said(j) == said(found) and of(j)[:1] == mine[:1] and set(of(j)) <= set(mine) for j in every)


def one_less(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Every set of rows with one observation less, with the name of what was removed."""
    for n, row in enumerate(rows):
        rest = [*rows[:n], *rows[n + 1 :]]
        yield f"{row.id}", rest
        for k, event in enumerate(row.events if isinstance(row, Span) else ()):
            assert isinstance(row, Span)
            yield f"{event.name} of {row.id}", [*rest, replace(row, events=(*row.events[:k], *row.events[k + 1 :]))]
