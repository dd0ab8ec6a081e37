"""Repairs are minimal on flows of up to 8 observations: brute force finds none with fewer edits, and they mend it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given

from tests.engine.brute import edits, few
from tests.engine.test_diagnose import KINDS, case_of, law, made
from tests.engine.test_minimal import drawn_flows, found_in
from tests.laws.made import rows_of
from verifier.assertions import kinds
from verifier.diagnosis import Repair
from verifier.engine.diagnose import Budget, Case, diagnose
from verifier.engine.diagnose.case import MOST_ROWS_JUDGED
from verifier.engine.diagnose.edits import applied
from verifier.engine.diagnose.repair import MOST_OF_A_SMALL_FLOW, repair_of
from verifier.engine.plan import plan
from verifier.flows import Flow, Row
from verifier.shape import Rule
from verifier.steps import observations
from verifier.verdict import AssertionVerdict, Verdict

MOST = 8


def small(case: Case) -> bool:
    """Whether it has no more observations than brute force is asked about."""
    return sum(1 for _ in observations(case.rows)) <= MOST


def repaired(case: Case) -> Repair | None:
    """The nearest repair of the only rule."""
    return repair_of(case, 0, Budget(), Budget(left=MOST_OF_A_SMALL_FLOW))[0]


def prove(case: Case) -> None:
    """With the repair the rule is no longer broken; with fewer edits it is, or it can't be told."""
    repair = repaired(case)
    if repair is not None:
        assert mended(case, applied(case.rows, repair.edits, case.plan.shape)), repair
    number = 2 if repair is None else len(repair.edits)
    if number > 1:
        for name, rows in edits(case, case.rows):
            if mends(case, rows):
                pytest.fail(f"one edit would do: {name}; {number if repair else 'none'} were found")
    if number > 2:
        for first, rows in few(case, case.rows):
            for second, changed in few(case, rows):
                if mends(case, changed):
                    pytest.fail(f"two edits would do: {first}, {second}; {number} were found")


def mends(case: Case, rows: list[Row]) -> bool:
    """Whether the rule holds of these rows."""
    return case.again(case.with_rows(rows), (0,))[0].verdict is Verdict.SATISFIED


def mended(case: Case, rows: tuple[Row, ...]) -> bool:
    """Whether it holds as far as anybody can tell: nothing is broken of it any more, and it still applies."""
    now = case.again(case.with_rows(rows), (0,))[0].verdict
    return now is Verdict.SATISFIED or (now in (Verdict.PENDING, Verdict.INCONCLUSIVE) and (case.open or case.lossy))


DRAWN = [pytest.param(case, id=drawn.id) for drawn, case in drawn_flows() if small(case)]


@pytest.mark.parametrize("case", DRAWN)
def test_no_fewer_edits_would_mend_a_drawn_flow(case: Case) -> None:
    """Of every hand-drawn flow that breaks its rule."""
    prove(case)


@pytest.mark.parametrize("kind", KINDS)
def test_no_fewer_edits_would_mend_a_made_up_flow(kind: str) -> None:
    """Of every kind, on made-up flows."""

    @law(8)
    @given(made(kind))
    def holds(made: tuple[str, Rule]) -> None:
        case = case_of(rows_of(made[0]), made[1])
        if small(case) and found_in(case):
            prove(case)

    holds()


def test_a_small_flow_that_breaks_many_rules_costs_no_more_than_its_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty rules that no edit mends: rows are judged again as often as the flow's budgets say, and not for each."""
    text = "a : one @ 0..1ms\n" + "\n".join(f"b : two @ {n}..{n + 1}ms" for n in range(20, 34, 2))
    rule = kinds()["causes"](step="one", then="two", through=("sent",))
    one = case_of(rows_of(text), rule)
    shape = replace(one.plan.shape, assertions=(rule,) * 30)
    many = replace(one, plan=plan(shape))
    rules = many.again(many.flow, range(30))
    assert {r.verdict for r in rules} == {Verdict.VIOLATED}
    many = replace(many, verdict=replace(many.verdict, assertions=rules))
    judged: list[int] = []
    again = Case.again

    def counted(case: Case, flow: Flow, numbers: Sequence[int]) -> tuple[AssertionVerdict, ...]:
        judged.append(len(flow.members))
        return again(case, flow, numbers)

    monkeypatch.setattr(Case, "again", counted)
    told = diagnose(many)
    assert told.diagnosis is not None
    assert sum(judged) <= 1.1 * (MOST_ROWS_JUDGED + MOST_OF_A_SMALL_FLOW)
