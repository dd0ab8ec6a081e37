"""Witnesses are minimal: of every kind, of the hand-drawn flows and of recorded batches, no observation can go."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given

from tests.assertions.test_flows import CASES, example_of, shape_of
from tests.assertions.test_flows import Case as Drawn
from tests.engine.minimal import gives, one_less
from tests.engine.test_diagnose import KINDS, case_of, law, made
from tests.golden.test_sketches import BAD, report
from tests.judging import case_of as case_of_example
from tests.laws.made import rows_of
from verifier import run, wording
from verifier.diagnosis import Witness
from verifier.engine.diagnose import Budget, Case, diagnosed
from verifier.engine.diagnose.witness import witness_of
from verifier.shape import Rule, RunRule
from verifier.verdict import FlowVerdict, Judged, Verdict


def drawn_flows() -> Iterator[tuple[Drawn, Case]]:
    """Every hand-drawn flow that breaks its rule, of the kinds that judge one flow."""
    for drawn in CASES:
        shape = shape_of(drawn)
        rule = shape.assertions[0]
        if drawn.said["verdict"] == "violated" and not isinstance(rule, RunRule):
            params = {"params": dict(shape.params)} if shape.params else {}
            yield drawn, case_of_example(rule, example_of(drawn, shape), shape=params)


def found_in(case: Case, number: int = 0) -> list[Judged]:
    """What a rule found that is violated."""
    return [j for j in case.verdict.assertions[number].findings if j.verdict is Verdict.VIOLATED]


def prove(case: Case, number: int, found: Judged, witness: Witness | None) -> None:
    """It gives the finding, whole and as it is drawn; without any one observation it gives another or none."""
    title = wording.title(found.finding)
    assert witness is not None, title
    if not gives(case, number, found, witness.rows):
        pytest.fail(f"{title}: its witness, {[row.id for row in witness.rows]}, doesn't give it")
    for name, less in one_less(witness.rows):
        if gives(case, number, found, less):
            pytest.fail(f"{title}: {name} can go")


@pytest.mark.parametrize("kind", KINDS)
def test_no_observation_of_a_made_up_witness_can_go(kind: str) -> None:
    """Of every kind, on made-up flows."""

    @law(60)
    @given(made(kind))
    def holds(made: tuple[str, Rule]) -> None:
        case = case_of(rows_of(made[0]), made[1])
        for found in found_in(case):
            prove(case, 0, found, witness_of(case, 0, found, Budget()))

    holds()


@pytest.mark.parametrize("case", [pytest.param(case, id=drawn.id) for drawn, case in drawn_flows()])
def test_no_observation_of_a_drawn_flow_s_witness_can_go(case: Case) -> None:
    """Of every hand-drawn flow that breaks its rule."""
    found = found_in(case)
    assert found
    for judged in found:
        prove(case, 0, judged, witness_of(case, 0, judged, Budget()))


@pytest.mark.parametrize("name", BAD)
def test_no_observation_of_a_recorded_batch_s_witness_can_go(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every violated rule of every violated flow of the golden reports."""
    seen: list[tuple[Case, FlowVerdict]] = []

    def noted(cases: Sequence[Case], *, most: int) -> list[FlowVerdict]:
        told = diagnosed(cases, most=most)
        seen.extend(zip(cases, told, strict=True))
        return told

    monkeypatch.setattr(run, "diagnosed", noted)
    report(name)
    proven = 0
    for case, told in seen:
        for number, rule in enumerate(told.assertions):
            for judged in rule.findings:
                if told.verdict is Verdict.VIOLATED and judged.verdict is Verdict.VIOLATED:
                    prove(case, number, judged, judged.witness)
                    proven += 1
    assert proven
