"""How strong are shapes: which wrong flows would they let pass?

In: shapes, what was read of good flows. Out: `Strength`: of the mutants of each satisfied flow, how many the shapes
notice, which ones live, and which rules noticed none. Each mutant is judged alone, once everything in it is over.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from verifier.binding import BoundFlow
from verifier.clock import Clocks, Edge
from verifier.engine.complete import shown
from verifier.engine.plan import groups, names_of
from verifier.flows import gather
from verifier.mutate import applied, begins, pool
from verifier.mutate.asked import names_asked
from verifier.occurrences import bind
from verifier.run import Evidence, check
from verifier.shape import Shape
from verifier.spans import Reading
from verifier.specfile import with_params
from verifier.strength.mutants import SORTS, Good, Mutant, Pairs, longest_ns, mutants, orders
from verifier.verdict import Report, Verdict

ENOUGH = 3
"""In how many good flows an order must be so to be more than an accident."""

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwatched:
    """A way to go wrong that no assertion notices: mutants of one sort at one step that live, of `tried`."""

    shape: str
    sort: str
    step: str
    other: str | None = None
    attribute: str | None = None
    took_ns: int | None = None
    lived: int
    tried: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """What became of all mutants; `idle` are rules (shape:id) that were violated by none of them.

    `doubted` of the killed ones were not called violated, only no longer satisfied. `flows` are the good ones.
    `left_out` were made and not tried (`most`). `verdicts` are those of all flows, as they were.
    """

    flows: tuple[str, ...]
    tried: int = 0
    killed: int = 0
    doubted: int = 0
    left_out: int = 0
    unwatched: tuple[Unwatched, ...] = ()
    idle: tuple[str, ...] = ()
    by_sort: Mapping[str, tuple[int, int]]
    verdicts: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Killed mutants in percent, rounded down to a tenth: 100 only if all are."""
        return int(1000 * self.killed / self.tried) / 10 if self.tried else 0.0


def measure(
    shapes: Sequence[Shape],
    evidence: Evidence,
    *,
    flows: Sequence[str] = (),
    params: Mapping[str, str] | None = None,
    most: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Strength:
    """Mutates every satisfied flow; at most `most` mutants of each sort and shape, a sample by `seed`."""
    shapes = with_params(shapes, params or {})
    readings = (
        Reading(url="spans", spans=evidence.spans, losses=tuple(loss for loss in evidence.losses if not loss.records)),
        Reading(
            url="records",
            records=evidence.records,
            losses=tuple(loss for loss in evidence.losses if loss.records),
            topics=_topics(evidence),
        ),
    )
    given = _given(evidence)
    whole = check(
        shapes,
        spans=readings[:1] if given[0] else (),
        records=readings[1:] if given[1] else (),
        flows=flows,
        max_explained=0,
    )
    good = _good(shapes, evidence, whole, given)
    made = [(g, m) for gs in good.values() for g in gs for m in mutants(g, _always(gs), _always(gs, "end"), _never(gs))]
    chosen = _sampled(made, most, seed)
    lived: Counter[tuple[object, ...]] = Counter()
    tried: Counter[tuple[object, ...]] = Counter()
    example: dict[tuple[object, ...], str] = {}
    sorts: dict[str, list[int]] = {sort: [0, 0] for sort in SORTS}
    violated: set[str] = set()
    doubted = 0
    for n, (g, mutant) in enumerate(chosen):
        report = _judged(shapes, g, given, mutant)
        verdict = report.verdict
        violated |= {f"{f.shape}:{r.id}" for f in report.flows for r in f.assertions if r.verdict is Verdict.VIOLATED}
        key = _key(g, mutant)
        tried[key] += 1
        sorts[mutant.sort][1] += 1
        if verdict is Verdict.SATISFIED:
            lived[key] += 1
            example.setdefault(key, f"{g.bound.flow.key}: {mutant.mutation.what}")
        else:
            sorts[mutant.sort][0] += 1
            doubted += verdict is not Verdict.VIOLATED
        if progress is not None and n % 16 == 0:
            progress("trying mutants", n, len(chosen))
    names = {shape.shape for shape in shapes if good.get(shape.shape)}
    rules = [f"{shape.shape}:{i}" for shape in shapes if shape.shape in names for i in shape.ids()]
    return Strength(
        flows=tuple(sorted({g.bound.flow.key for gs in good.values() for g in gs})),
        tried=len(chosen),
        killed=len(chosen) - sum(lived.values()),
        doubted=doubted,
        left_out=len(made) - len(chosen),
        unwatched=tuple(_unwatched(key, lived[key], tried[key], example[key]) for key in tried if lived[key]),
        idle=tuple(r for r in rules if r not in violated),
        by_sort={sort: (dead, all_) for sort, (dead, all_) in sorts.items() if all_},
        verdicts=tuple(str(f.verdict) for f in whole.flows if f.verdict is not None),
    )


# ---- good flows


def _good(
    shapes: Sequence[Shape], evidence: Evidence, whole: Report, given: tuple[bool, bool]
) -> dict[str, list[Good]]:
    """The satisfied flows of each shape, with their steps bound, in the order of their keys."""
    out: dict[str, list[Good]] = defaultdict(list)
    satisfied = {(f.shape, f.key) for f in whole.flows if f.verdict is Verdict.SATISFIED}
    bad = {f.key for f in whole.flows if f.verdict not in (None, Verdict.SATISFIED)}
    for group in groups(shapes):
        gathering = gather(evidence.spans, evidence.records, correlation=group[0].flow, attributes=names_of(group[0]))
        for shape in group:
            values = pool([*evidence.spans, *evidence.records], names_asked(shape))
            for key, flow in gathering.flows.items():
                if (shape.shape, key) not in satisfied or key in bad:
                    continue
                rows = [m.row for m in (*flow.members, *flow.shared)]
                clocks = Clocks(rows=rows, records_complete=lambda t: given[1] and shown(evidence.topics, t))
                bound = BoundFlow(shape=shape, flow=flow, clocks=clocks, opened_ns=min(begins(r) for r in rows))
                found = Good(bound=bind(bound), pool=values)
                if _judged(shapes, found, given, None).verdict is Verdict.SATISFIED:
                    out[shape.shape].append(found)
    return out


def _always(good: Sequence[Good], edge: Edge = "start") -> Pairs:
    """The orders of steps that are so in every one of them in which both steps are."""
    found = [orders(g, edge) for g in good]
    have = [{n for n, seen in g.bound.occurrences.items() if seen} for g in good]
    return frozenset(
        (a, b)
        for a, b in frozenset[tuple[str, str]]().union(*found)
        if all((a, b) in o for o, h in zip(found, have, strict=True) if {a, b} <= h)
        and sum({a, b} <= h for h in have) >= ENOUGH
    )


def _never(good: Sequence[Good]) -> frozenset[str]:
    """The steps that may not be left out of a shape (`optional`) and that none of these flows has."""
    return frozenset(
        name
        for name, step in (good[0].bound.shape.steps.items() if good else ())
        if not step.optional and not any(g.bound.occurrences[name] or g.bound.maybes[name] for g in good)
    )


def _judged(shapes: Sequence[Shape], good: Good, given: tuple[bool, bool], mutant: Mutant | None) -> Report:
    """The flow alone, with the mutation in it, once the flow was given up."""
    flow = good.bound.flow
    spans = tuple(r for r in good.rows if not hasattr(r, "offset"))
    records = flow.records
    if mutant is not None:
        spans, records = applied(mutant.mutation, spans, records)
    after = longest_ns(good.bound.shape) or 0
    return check(
        shapes,
        spans=Reading(url="spans", spans=spans) if given[0] else (),
        records=Reading(url="records", records=records) if given[1] else (),
        flows=[flow.key],
        at=f"+{after}ns",
        max_explained=0,
    )


def _given(evidence: Evidence) -> tuple[bool, bool]:
    return evidence.spans_given, evidence.topics is None or bool(evidence.topics)


def _topics(evidence: Evidence) -> Mapping[str, Mapping[int, tuple[int, int]]] | None:
    return None if evidence.topics is None else {topic: {} for topic in evidence.topics}


# ---- mutants


def _sampled(made: list[tuple[Good, Mutant]], most: int | None, seed: int) -> list[tuple[Good, Mutant]]:
    if most is None:
        return made
    by: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n, (g, m) in enumerate(made):
        by[g.bound.shape.shape, m.sort].append(n)
    rng = random.Random(seed)  # noqa: S311  # a sample, not a secret
    kept = {n for _, ns in sorted(by.items()) for n in (rng.sample(ns, most) if len(ns) > most else ns)}
    return [pair for n, pair in enumerate(made) if n in kept]


def _key(good: Good, m: Mutant) -> tuple[object, ...]:
    return (good.bound.shape.shape, m.sort, m.step, m.other, m.attribute, m.took_ns)


def _unwatched(key: tuple[object, ...], lived: int, tried: int, example: str) -> Unwatched:
    shape, sort, step, other, attribute, took_ns = key
    return Unwatched(
        shape=str(shape),
        sort=str(sort),
        step=str(step),
        other=other if isinstance(other, str) else None,
        attribute=attribute if isinstance(attribute, str) else None,
        took_ns=took_ns if isinstance(took_ns, int) else None,
        lived=lived,
        tried=tried,
        example=example,
    )
