"""One likely cause: the edit, or the few that belong together, with which the most findings are gone.

In: a `Case`, the repairs of its rules and the edits that helped. Out: `Cause`s, the one that explains most first, each
for findings that those before it don't explain. Every one of them was judged: all rules of the flow, with its edits.

Candidates are single edits of repairs, and what the evidence tells of itself: an attempt that failed, a message that
came twice, a value that changed at one hop, a pause, a clock that is off, a service that fell silent.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from verifier.binding import BoundFlow
from verifier.diagnosis import Cause, CauseSort, Edit, Repair
from verifier.engine.diagnose.candidates import likely
from verifier.engine.diagnose.case import Budget, Case, gone
from verifier.engine.diagnose.edits import applied
from verifier.engine.diagnose.nearest import Profile
from verifier.engine.diagnose.told import of_edit, told
from verifier.spans import Observation, Span
from verifier.values import canonical
from verifier.verdict import AssertionVerdict, Finding, Judged, Missing, Verdict

MOST_CANDIDATES = 120
"""How many candidates are judged for one flow."""
MOST_CAUSES = 3
MOST_ROOTS, MOST_TRIES = 8, 8
"""For how many of them what follows is put in too, and how many moments are tried for each thing that lacks."""
MOST_TOGETHER = 12
"""How many things at most are said to lack by one cause."""
FIRST: Sequence[CauseSort] = (
    "failed",
    "duplicated",
    "changed",
    "clock",
    "paused",
    "swapped",
    "moved",
    "missing",
    "extra",
    "silent",
)
"""Which sort goes first where two explain the same with as many edits: what the evidence tells of itself."""

LACKS = frozenset({"missing", "failed", "silent"})

Key = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A candidate that was judged: what it explains, and how many rules it breaks that were not broken."""

    cause: Cause
    breaks: int


def causes_of(
    case: Case, repairs: Sequence[Repair], helped: Sequence[Edit], budget: Budget, good: Profile | None = None
) -> tuple[tuple[Cause, ...], bool]:
    """The likely causes of a flow's findings, and whether there were more candidates than were judged.

    `good` is a flow that passed: it tells which step comes before which.
    """
    found = _findings(case.verdict.assertions)
    if not found:
        return (), False
    bound = case.bound(case.with_rows(case.rows))
    candidates = _distinct((*told(case, bound, tuple(j.finding for j in found.values())), *_of_edits(repairs, helped)))
    capped = len(candidates) > MOST_CANDIDATES
    tried: list[Tried] = []
    for cause in candidates[:MOST_CANDIDATES]:
        judged = _judged(case, cause, found, budget)
        if judged is None:
            capped = True
            break
        tried.append(judged)
    hops = good.order if good is not None else list(case.plan.shape.steps)
    rank = _Rank(case=case, hops=hops, seen={s: len(o) for s, o in bound.occurrences.items()})
    tried += _with_what_follows(case, tried, found, rank, budget)
    tried += _silent(case, tried, found, budget)
    return _folded(tried, found, rank), capped


def _findings(rules: Iterable[AssertionVerdict]) -> dict[Key, Judged]:
    return {(r.id, n): j for r in rules for n, j in enumerate(r.findings) if j.verdict is Verdict.VIOLATED}


def _judged(case: Case, cause: Cause, found: dict[Key, Judged], budget: Budget) -> Tried | None:
    """What a candidate explains; None where the budget is spent."""
    rows = applied(case.rows, cause.edits, case.plan.shape)
    if not budget.take(len(rows) + 1):
        return None
    rules = case.again(case.with_rows(rows), range(len(case.plan.ids)))
    return _weighed(case, cause, found, rules, _put_in(cause))


def _weighed(
    case: Case, cause: Cause, found: dict[Key, Judged], rules: Sequence[AssertionVerdict], put_in: set[object]
) -> Tried:
    """The candidate with what is gone, and how many rules are broken that were not: those apart that lack because of
    the same cause."""
    now = {r.id: r for r in rules}
    was = {r.id: r for r in case.verdict.assertions}
    explains = tuple(
        key
        for key, judged in found.items()
        if (rule := now.get(key[0])) is not None
        and (case.holds(rule) or rule.verdict is Verdict.VIOLATED)
        and gone(judged, rule)
    )
    breaks = 0
    for key, rule in now.items():
        if rule.verdict is Verdict.VIOLATED and was[key].verdict is not Verdict.VIOLATED:
            breaks += any(not _follows(j.finding, put_in) for j in rule.findings if j.verdict is Verdict.VIOLATED)
    return Tried(cause=replace(cause, explains=explains, among=len(found)), breaks=breaks)


def _put_in(cause: Cause) -> set[object]:
    """The rows that are occurrences only because of the edits."""
    made = {e.row.id for e in cause.edits if e.row is not None}
    return made | {e.of.row.id for e in cause.edits if e.sort == "failed" and e.of is not None}


def _follows(finding: Finding, put_in: set[object]) -> bool:
    """Whether it is only that what is put in had no consequence."""
    return isinstance(finding, Missing) and any(e.of.row.id in put_in for e in finding.evidence)


# ---- which is best


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rank:
    """Which candidate goes first: `hops` is the order of steps, `seen` how often each step occurred here."""

    case: Case
    hops: Sequence[str]
    seen: dict[str, int]

    def of(self, t: Tried, todo: set[Key]) -> tuple[float, ...]:
        """What explains most and breaks nothing; then fewer edits, the sort, and the earliest hop.

        Of two values the one that fewer hops carry is the wrong one; if as many do, the one that came later. One that
        lacks was left out by whoever came first.
        """
        cause = t.cause
        explained = len(todo & set(cause.explains))
        edits = 1 if cause.sort in ("failed", "duplicated", "changed", "paused", "clock") else len(cause.edits)
        when = min((e.when_ns for e in cause.edits), default=0)
        hop = self.hop(cause.step) if cause.sort == "missing" else _early(cause)
        many = len(cause.edits)
        if cause.sort == "changed":
            many = len({e.step or str(e.of) for e in cause.edits})
            when = when if cause.edits[0].seen is None else -when
        return (t.breaks - explained, t.breaks, edits, FIRST.index(cause.sort), hop, many, when)

    def hop(self, step: str | None) -> int:
        """How early the next occurrence of the step would be."""
        places = [n for n, name in enumerate(self.hops) if name == step]
        nth = self.seen.get(step or "", 0)
        return places[min(nth, len(places) - 1)] if places else len(self.hops)


def _early(cause: Cause) -> int:
    """1 for what is said to have come too early: things are late more often."""
    at_ns = cause.edits[0].at_ns
    return int(cause.sort == "moved" and at_ns is not None and at_ns > cause.edits[0].when_ns)


def _named(cause: Cause, explained: Sequence[Judged], steps: Mapping[str, int]) -> Cause:
    """The cause under the name that the findings give to what it is of: one observation may be several steps."""
    if cause.of is None:
        return cause
    roles = (e.role for j in explained for e in j.finding.evidence if e.of.id == cause.of.id and e.role in steps)
    return replace(cause, step=next(roles, cause.step))


def _folded(tried: Sequence[Tried], found: Mapping[Key, Judged], rank: _Rank) -> tuple[Cause, ...]:
    """The cause that explains most, then the one that explains most of the rest.

    None that breaks as much as it mends; of what lacks, what should follow from it lacks too.
    """
    out: list[Cause] = []
    todo = set(found)
    while todo and len(out) < MOST_CAUSES:
        useful = [
            t for t in tried if (n := len(todo & set(t.cause.explains))) and (t.cause.sort in LACKS or n > t.breaks)
        ]
        if not useful:
            break
        best = min(useful, key=lambda t: rank.of(t, todo))
        out.append(_named(best.cause, [found[key] for key in best.cause.explains], rank.seen))
        todo -= set(best.cause.explains)
    return tuple(out)


def _with_what_follows(
    case: Case, tried: Sequence[Tried], found: dict[Key, Judged], rank: _Rank, budget: Budget
) -> list[Tried]:
    """What lacks or failed, with all that lacks only because of it: put in too, one after the other."""
    roots: dict[tuple[object, ...], Tried] = {}
    for t in tried:
        first = t.cause.edits[0]
        if t.cause.sort in ("missing", "failed") and len(t.cause.edits) == 1 and t.cause.explains:
            key = (t.cause.sort, t.cause.step, first.value, None if first.of is None else first.of.id)
            roots[key] = min(roots.get(key, t), t, key=lambda x: rank.of(x, set(found)))
    best = sorted(roots.values(), key=lambda t: rank.of(t, set(found)))[:MOST_ROOTS]
    some = [root for root in best if len(root.cause.explains) < len(found) or root.breaks]
    return [_followed(case, root, found, budget) for root in some]


def _followed(case: Case, root: Tried, found: dict[Key, Judged], budget: Budget) -> Tried:
    """The root with what follows from it. Where nothing was seen after it, all that lacks follows from it."""
    shape, every = case.plan.shape, range(len(case.plan.ids))
    cause, steps = root.cause, list(root.cause.steps)
    put_in = _put_in(cause)
    rows = applied(case.rows, cause.edits, shape)
    rules = case.again(case.with_rows(rows), every)
    last = max((Observation(row=r).last_ns for r in case.rows), default=0)
    stalled = last <= max(e.when_ns + _lasts(e) for e in cause.edits) + case.setting.uncertainty_ns
    for _ in range(MOST_TOGETHER):
        bound = case.bound(case.with_rows(rows))
        edit = None
        for number, j in _lacking(rules):
            if not (stalled or _follows(j.finding, put_in)):
                continue
            for edit in _insertions(bound, case, number, j):
                if not budget.take(len(rows) + 2):
                    return _weighed(case, replace(cause, steps=tuple(steps)), found, rules, put_in)
                changed = applied(rows, (edit,), shape)
                again = case.again(case.with_rows(changed), every)
                if gone(j, again[number]) and len(_findings(again)) <= len(_findings(rules)):
                    rows, rules = changed, again
                    put_in |= _put_in(Cause(sort="missing", edits=(edit,)))
                    steps += [edit.step] if edit.step and edit.step not in steps else []
                    break
            else:
                edit = None
                continue
            break
        if edit is None:
            break
    return _weighed(case, replace(cause, steps=tuple(steps)), found, rules, put_in)


def _lacking(rules: Sequence[AssertionVerdict]) -> list[tuple[int, Judged]]:
    """What is missing, with the number of its rule."""
    return [
        (number, j)
        for number, rule in enumerate(rules)
        for j in rule.findings
        if j.verdict is Verdict.VIOLATED and isinstance(j.finding, Missing)
    ]


def _insertions(bound: BoundFlow, case: Case, number: int, judged: Judged) -> list[Edit]:
    """The first likely insertions that a finding suggests."""
    edits = likely(bound, case.rule(number), judged.finding)
    return list(islice((e for e in edits if e.sort == "missing"), MOST_TRIES))


def _lasts(edit: Edit) -> int:
    return 0 if edit.of is None else edit.of.last_ns - edit.of.first_ns


def _distinct(causes: Iterable[Cause]) -> list[Cause]:
    """Each candidate once: of one sort, with the same edits."""
    out: dict[tuple[object, ...], Cause] = {}
    for cause in causes:
        key = (cause.sort, *sorted(map(_key, cause.edits), key=str))
        out.setdefault(key, cause)
    return list(out.values())


def _key(e: Edit) -> tuple[object, ...]:
    ids = tuple(None if o is None else o.id for o in (e.of, e.other))
    parent = None if e.row is None else e.row.parent
    return (e.sort, e.step, e.at_ns, *ids, e.attribute, canonical(e.value), parent)


# ---- candidates


def _of_edits(repairs: Sequence[Repair], helped: Sequence[Edit]) -> list[Cause]:
    """Single edits that helped, and whole repairs; of insertions of one step only some moments."""
    out: list[Cause] = []
    times: dict[tuple[object, ...], int] = defaultdict(int)
    for edit in (*(e for r in repairs for e in r.edits), *helped):
        what = (edit.sort, edit.step, None if edit.of is None else edit.of.id)
        times[what] += 1
        if times[what] <= 6:
            out.append(of_edit(edit))
    out += [
        replace(of_edit(r.edits[0]), edits=r.edits)
        for r in repairs
        if len(r.edits) > 1 and len({e.sort for e in r.edits}) == 1
    ]
    return out


def _silent(case: Case, tried: Sequence[Tried], found: dict[Key, Judged], budget: Budget) -> list[Tried]:
    """A service of which several things lack, and nothing was seen after the first of them: put in together."""
    if len(found) < 2 or any(len(t.cause.explains) == len(found) and not t.breaks for t in tried):
        return []
    out: list[Tried] = []
    services = {s for _, j in _lacking(case.verdict.assertions) if (s := _speaker(case, j.finding.step))}
    for service in sorted(services):
        edits = _together(case, service, budget)
        if len(edits) < 2:
            continue
        begins = min(e.when_ns for e in edits)
        spans = [r for r in case.rows if isinstance(r, Span) and r.service == service]
        last = max((Observation(row=r).last_ns for r in spans), default=None)
        if last is not None and last > begins + case.setting.uncertainty_ns:
            continue
        steps = tuple(dict.fromkeys(e.step for e in edits if e.step))
        cause = Cause(sort="silent", edits=edits, service=service, since_ns=last, steps=steps)
        judged = _judged(case, cause, found, budget)
        out += [judged] if judged is not None else []
    return out


def _speaker(case: Case, step: str | None) -> str | None:
    return case.plan.shape.steps[step].service if step is not None and step in case.plan.shape.steps else None


def _together(case: Case, service: str, budget: Budget) -> tuple[Edit, ...]:
    """Occurrences of a service's steps that take findings away, put in one after the other."""
    shape, every = case.plan.shape, range(len(case.plan.ids))
    rows, rules = case.rows, case.verdict.assertions
    edits: tuple[Edit, ...] = ()
    while len(edits) < MOST_TOGETHER:
        bound = case.bound(case.with_rows(rows))
        now = len(_findings(rules))
        best: tuple[int, Edit, tuple[AssertionVerdict, ...]] | None = None
        for number, j in _lacking(rules):
            for edit in _insertions(bound, case, number, j):
                if _speaker(case, edit.step) != service:
                    continue
                if not budget.take(len(rows) + 2):
                    return edits
                again = case.again(case.with_rows(applied(rows, (edit,), shape)), every)
                left = len(_findings(again))
                if left < now and (best is None or left < best[0]):
                    best = (left, edit, again)
        if best is None:
            return edits
        edits, rules = (*edits, best[1]), best[2]
        rows = applied(rows, (best[1],), shape)
    return edits
