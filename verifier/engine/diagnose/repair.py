"""The nearest repair of a rule: the fewest edits of the flow with which it holds.

In: a `Case` and the number of a violated rule. Out: a `Repair`, judged, or None where none was found within the
budget; and the single edits that took some finding away, which are what a cause may be made of.

    one edit: the likely ones, then every one ─> two: after each first edit, what is still found suggests the second
    ─> more: the edit that leaves the fewest findings, again and again
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from verifier.diagnosis import Cause, Edit, Repair
from verifier.engine.diagnose.candidates import every, likely
from verifier.engine.diagnose.case import Budget, Case
from verifier.engine.diagnose.edits import applied
from verifier.flows import Row
from verifier.verdict import AssertionVerdict, Verdict

MOST_EDITS = 8
MOST_OF_A_RULE = 6_000
"""How many rows are judged again for one search: for one edit, for several, for every pair."""
SMALL, MOST_OF_A_SMALL_FLOW = 12, 20_000
"""Up to how many rows every pair of edits is tried, and how many rows that may take for all rules of a flow."""
MOST_AGREEING = 4
"""How many repairs are judged to find one that mends what the cause names."""
FOR_CAUSES = 15_000
"""How many rows are left to be judged for causes, however many rules there are to repair."""


@dataclass(slots=True, kw_only=True)
class Search:
    """What was found on the way: edits that took findings away, with how many were left."""

    case: Case
    number: int
    budget: Budget
    helped: list[tuple[int, Edit]] = field(default_factory=list)
    tried: list[tuple[Edit, AssertionVerdict]] = field(default_factory=list)

    def judged(self, rows: tuple[Row, ...]) -> AssertionVerdict | None:
        """The rule on other rows; None where the budget is spent."""
        if not self.budget.take(len(rows) + 1):
            return None
        rules = self.case.again(self.case.with_rows(rows), (self.number,))
        return rules[0] if rules else None

    def edits(self, rows: tuple[Row, ...], rule: AssertionVerdict, *, all_of_them: bool) -> Iterator[Edit]:
        """The edits to try on these rows, each once."""
        bound = self.case.bound(self.case.with_rows(rows))
        of = self.case.rule(self.number)
        seen: set[str] = set()
        for judged in rule.findings:
            if judged.verdict is Verdict.VIOLATED:
                for edit in likely(bound, of, judged.finding):
                    if (name := repr(edit)) not in seen:
                        seen.add(name)
                        yield edit
        if all_of_them:
            for edit in every(bound, of):
                if (name := repr(edit)) not in seen:
                    seen.add(name)
                    yield edit


def repair_of(case: Case, number: int, budget: Budget, pairs: Budget) -> tuple[Repair | None, list[Edit]]:
    """The nearest repair of a rule, and the single edits that took at least one of its findings away.

    `pairs` is what is left for pairs of edits, of all rules of the flow.
    """
    rows, rule = case.rows, case.verdict.assertions[number]
    search = Search(case=case, number=number, budget=_share(budget, FOR_CAUSES))
    found = _one(search, rows, rule)
    if found is None:
        ones = not search.budget.spent
        found = _more(search, rows, rule, budget)
        if found is not None and len(found.edits) == 2:
            found = replace(found, least=ones)
        elif len(rows) <= SMALL:
            search.budget = _share(pairs, 0)
            fewer = _two(search, rows)
            least = ones and not search.budget.spent
            if fewer is not None:
                found = replace(fewer, least=ones)
            elif found is not None:
                found = replace(found, least=least and len(found.edits) == 3)
    helped = [e for _, e in sorted(search.helped, key=lambda item: item[0])]
    return found, helped


def agreeing(case: Case, rule: AssertionVerdict, causes: Sequence[Cause], helped: Sequence[Edit]) -> Repair | None:
    """The repair of a rule, or one of as few edits that mends what its cause names."""
    repair, number = rule.repair, case.plan.ids.index(rule.id)
    wrong = {(rule.id, n) for n, j in enumerate(rule.findings) if j.verdict is Verdict.VIOLATED}
    cause = next((c for c in causes if wrong <= set(c.explains)), None)
    if repair is None or cause is None:
        return repair
    mine = {e.of.row.id for e in cause.edits if e.of is not None}
    ones = [(e,) for e in helped if e.of is not None and e.of.row.id in mine]
    tries = [cause.edits, *(ones if len(repair.edits) == 1 else [])]
    if any(e.of is not None and e.of.row.id in mine for e in repair.edits):
        tries = tries[:1]
    for edits in tries[:MOST_AGREEING]:
        if len(edits) > len(repair.edits) or all(e in repair.edits for e in edits):
            continue
        rows = applied(case.rows, edits, case.plan.shape)
        if case.holds(case.again(case.with_rows(rows), (number,))[0]):
            return replace(repair, edits=edits)
    return repair


def _share(budget: Budget, kept: int) -> Budget:
    """A part of a budget: what one search may take of it, so that `kept` is left."""
    return Budget(left=max(0, min(budget.left - kept, MOST_OF_A_RULE)), of=budget)


def _wrong(rule: AssertionVerdict) -> int:
    return sum(j.verdict is Verdict.VIOLATED for j in rule.findings)


def _one(search: Search, rows: tuple[Row, ...], rule: AssertionVerdict) -> Repair | None:
    """One edit: of the likely ones all are tried, as each may be a cause; of the others until one is enough."""
    shape, before = search.case.plan.shape, _wrong(rule)
    best: Repair | None = None
    for all_of_them in (False, True):
        if best is not None:
            break
        for edit in search.edits(rows, rule, all_of_them=all_of_them):
            judged = search.judged(applied(rows, (edit,), shape))
            if judged is None:
                return best
            search.tried.append((edit, judged))
            left = _wrong(judged)
            if left < before or search.case.holds(judged):
                search.helped.append((0 if search.case.holds(judged) else left, edit))
            if search.case.holds(judged) and best is None:
                best = Repair(edits=(edit,))
                if all_of_them:
                    break
    return best


def _two(search: Search, rows: tuple[Row, ...]) -> Repair | None:
    shape = search.case.plan.shape
    firsts = sorted(search.tried, key=lambda item: (item[1].verdict is not Verdict.VIOLATED, _wrong(item[1])))
    for all_of_them in (False, True):
        for edit, rule in firsts:
            changed = applied(rows, (edit,), shape)
            for other in search.edits(changed, rule, all_of_them=all_of_them):
                judged = search.judged(applied(changed, (other,), shape))
                if judged is None:
                    return None
                if search.case.holds(judged):
                    return Repair(edits=(edit, other))
    return None


def _more(search: Search, rows: tuple[Row, ...], rule: AssertionVerdict, budget: Budget) -> Repair | None:
    """The edit that leaves the fewest findings, again and again: few, though perhaps not the fewest."""
    edits: tuple[Edit, ...] = ()
    search.budget = _share(budget, FOR_CAUSES)
    shape = search.case.plan.shape
    while len(edits) < MOST_EDITS:
        best: tuple[int, Edit, AssertionVerdict] | None = None
        for edit in search.edits(rows, rule, all_of_them=False):
            judged = search.judged(applied(rows, (edit,), shape))
            if judged is None:
                break
            if search.case.holds(judged):
                return Repair(edits=(*edits, edit), least=False)
            if judged.verdict is Verdict.VIOLATED and (best is None or _wrong(judged) < best[0]):
                best = (_wrong(judged), edit, judged)
        if best is None:
            return None
        edits, rule = (*edits, best[1]), best[2]
        rows = applied(rows, (best[1],), shape)
    return None
