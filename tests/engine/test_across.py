"""Rules of the run, in whole runs: what counts, what is told first, what exit code follows."""

import io
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from verifier.assertions.isolated import Isolated
from verifier.assertions.never import Never
from verifier.assertions.one_per import OnePer
from verifier.assertions.varies import Varies
from verifier.errors import SpecError
from verifier.reports import write
from verifier.run import check
from verifier.shape import AttributeName, Correlation, Fact, FactName, Rule, RunRule, Shape, Step, StepName
from verifier.shares import Entry, Share
from verifier.sketch import parse
from verifier.spans import Reading
from verifier.specfile import loads
from verifier.verdict import Absence, Report, Result, Verdict

ALIKE = "a : done @ 0..1s flow=1 code=X\na : done @ 2..3s flow=2 code=X\n"
DIFFERENT = "a : done @ 0..1s flow=1 code=X\na : done @ 2..3s flow=2 code=Y\n"
VARIES = Varies(attribute=AttributeName("code"), at=StepName("done"))
NEVER = Never(step=StepName("bad"))


def run(
    text: str, *rules: Rule, name: str = "made", when: bool = False, more: Sequence[Shape] = (), **how: Any
) -> Report:
    """The report of a sketch, by one shape of these rules, and more."""
    shape = Shape(
        shape=name,
        flow=Correlation(key=AttributeName("flow")),
        facts={"sort": (Fact(attribute=AttributeName("sort")),)},
        when={FactName("sort"): "day"} if when else {},
        steps={"done": Step(span="done"), "bad": Step(span="bad"), "other": Step(span="other")},
        assertions=rules,
    )
    sketch = parse(text)
    spans, records = Reading(url="s", spans=sketch.spans), Reading(url="r", records=sketch.records)
    return check([shape, *more], spans=spans, records=records, **how)


def screen(report: Report) -> str:
    """What a person sees."""
    out = io.StringIO()
    write(report, "terminal", out=out)
    return out.getvalue()


def test_rules_of_the_run_are_none_of_a_flow_s() -> None:
    """A shape may have both, in any order: what is told of a violated flow is told of the rule that it broke."""
    text = ALIKE.replace("code=X\n", "code=X\na : bad @ 1..2s flow=1 code=X\n", 1)
    report = run(text, VARIES, NEVER, Isolated(entity=AttributeName("code")))
    (broken,) = report.violated
    assert [(r.kind, str(r.verdict)) for r in broken.assertions] == [("never", "violated")]
    assert broken.assertions[0].repair is not None
    assert broken.diagnosis is not None
    assert broken.diagnosis.nearest is not None
    assert broken.diagnosis.nearest.key == "2"


def test_a_violation_across_flows_violates_the_run_and_no_flow() -> None:
    """Exit code 1, though each flow alone is as it should be; the first line says which rule, across how many flows."""
    report = run(ALIKE, NEVER, VARIES)
    assert [str(f.verdict) for f in report.flows] == ["satisfied", "satisfied"]
    assert (report.verdict, report.exit_code) == (Verdict.VIOLATED, 1)
    said = screen(report).replace("\n  ", " ")
    assert said.startswith("violated: made varies-1 across 2 flows: code is X in all 2 flows at done (a), expected 2")
    assert "[frozen constant]" in said
    assert {e.flow for e in report.run_assertions[0].rule.findings[0].finding.evidence} == {"1", "2"}


def test_what_holds_across_flows_is_counted() -> None:
    """A satisfied run says how many of its rules judged the run."""
    report = run(DIFFERENT, NEVER, VARIES)
    assert report.exit_code == 0
    assert screen(report).startswith("satisfied: 2 of 2 flows, 3 rules checked, 1 of them across flows\n")


def test_only_vacuous_is_no_pass() -> None:
    """One flow, and nothing but a rule that compares flows: inconclusive, exit code 3."""
    report = run("a : done @ 0..1s flow=1 code=X", VARIES)
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert report.unfired == ("made:varies-1",)
    assert "too little to compare" in screen(report)


def test_a_vacuous_rule_does_not_spoil_what_was_judged_but_strict_minds() -> None:
    """As for rules of a flow: listed as never applied."""
    report = run("a : done @ 0..1s flow=1 code=X", NEVER, VARIES)
    assert (report.verdict, report.exit_code, report.unfired) == (Verdict.SATISFIED, 0, ("made:varies-1",))
    assert run("a : done @ 0..1s flow=1 code=X", NEVER, VARIES, strict=True).exit_code == 3


def test_no_flow_at_all_is_inconclusive() -> None:
    """Nothing seen is never a pass, across flows either."""
    report = run("a : done @ 0..1s code=X", VARIES)
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "none carries the key flow" in str(report.reason)


def test_a_step_that_matched_nothing_is_told_of_a_rule_of_the_run_too() -> None:
    """A renamed span must not make it vacuous unseen."""
    report = run("a : other @ 0..1s flow=1 code=X", NEVER, VARIES)
    assert report.unmatched_steps == ("made:done",)


def test_narrowed_down_it_still_judges_all_flows() -> None:
    """A step that matched only in a flow that was not chosen did match."""
    report = run(ALIKE + "a : other @ 4..5s flow=3\n", NEVER, VARIES, flows=["3"])
    assert [f.key for f in report.flows] == ["3"]
    assert (str(report.verdict), report.run_assertions[0].flows) == ("violated", 3)
    assert report.unmatched_steps == ()


def test_flows_of_another_sort_are_not_counted() -> None:
    """Only flows that the shape applies to, or may; unknown ones are counted, and named."""
    text = ALIKE.replace("flow=1", "flow=1 sort=day").replace("flow=2", "flow=2 sort=night")
    assert run(text, VARIES, when=True).run_assertions[0].flows == 1
    text = ALIKE.replace("flow=1", "flow=1 sort=day")
    (judged,) = run(text, VARIES, when=True).run_assertions
    assert (judged.flows, str(judged.rule.verdict)) == (2, "inconclusive")


def test_a_shape_that_only_judges_the_run_lists_its_flows_without_verdict() -> None:
    """They are there, but nothing is said of each alone; judged by another shape too, they are listed once."""
    alone = run(DIFFERENT, VARIES)
    assert [(f.shape, f.verdict) for f in alone.flows] == [("made", None), ("made", None)]
    other = Shape(
        shape="other", flow=Correlation(key=AttributeName("flow")), steps={"bad": Step(span="bad")}, assertions=(NEVER,)
    )
    both = run(DIFFERENT, VARIES, more=[other])
    assert [f.shape for f in both.flows] == ["other", "other"]
    assert both.totals["not_applicable"] == 0


def test_a_row_that_may_hide_a_flow_makes_a_lack_unproven() -> None:
    """A process that died may have taken a whole flow with it."""
    text = "a#1 : done @ 0..1s flow=1 code=X\na#2 : done @ 5..6s flow=2 code=X"
    (judged,) = run(text, VARIES).run_assertions
    assert str(judged.rule.verdict) == "inconclusive"
    assert "fell silent" in str(judged.rule.findings[0].reason)


class Falls(RunRule):
    """A rule that fails."""

    kind = "falls"

    def collect(self, _: Any) -> tuple[Entry, ...]:
        raise ValueError("no such thing")

    def rests_on(self) -> tuple[Absence, ...]:
        return ()


class Forgets(Falls):
    """A rule whose finding rests on what it never named."""

    kind = "forgets"

    def collect(self, _: Any) -> tuple[Entry, ...]:
        return ()

    def check_run(self, _: Sequence[Share]) -> Result:
        return Result(absences=(Absence(steps=("done",)),))


@pytest.mark.parametrize("rule", [Falls(), Forgets()], ids=["falls", "forgets"])
def test_a_rule_that_fails_is_an_error_and_never_a_pass(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is no pass, and says which rule, and how it failed."""
    monkeypatch.setattr("verifier.run.check_shape", lambda _: [])
    report = run(DIFFERENT, NEVER, rule)
    assert (report.run_assertions[0].rule.verdict, report.exit_code) == (Verdict.ERROR, 3)
    assert "itself failed" in screen(report)


def test_the_report_for_programs_fits_its_schema() -> None:
    """Every kind of finding across flows, with the flow of each piece of evidence."""
    text = (
        "a : done @ 0..9s flow=1 code=X id=i class=k\n  a : done @ 2..3s flow=2 code=X id=j class=k\n"
        "[t 0:1] @ 4s flow=2 code=X\n[t 0:2] @ 5s flow=3 code=X\n"
    )
    rules = (
        VARIES,
        Isolated(entity=AttributeName("code")),
        OnePer(object=StepName("done"), identity=(AttributeName("id"),), owner=AttributeName("class"), at_most=1),
    )
    out = io.StringIO()
    report = run(text, *rules)
    write(report, "json", out=out)
    document = json.loads(out.getvalue())
    schema = resources.files("verifier.reports").joinpath("report.schema.json").read_text(encoding="utf-8")
    Draft202012Validator(json.loads(schema)).validate(document)
    told = {(r["id"], f["anomaly"]) for r in document["run_assertions"] for f in r["findings"]}
    assert told == {("varies-1", "frozen constant"), ("isolated-1", "cross-talk"), ("one_per-1", "duplicate effect")}
    assert all(e["flow"] for r in document["run_assertions"] for f in r["findings"] for e in f["evidence"])
    assert document["run_assertions"][0]["findings"][0]["absences"] == ["no further done in any flow of the run"]
    said = " ".join(screen(report).split())
    assert "code X is in 3 flows: 1, 2 and 3" in said
    assert "flow 1 led to flow 2: done follows done by its parent" in said
    assert "done occurred 2 times for class=k, expected 1 at most" in said


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("varies: {attribute: code, at: done, after: done}", "judges the whole run, which has no points"),
        ("isolated: {entity: code, between: [done, done]}", "judges the whole run, which has no points"),
        ("varies: {attribute: code, at: done, at_least: 1}", "1 different values is what any flow has"),
        ("one_per: {object: done, identity: [], owner: code, at_most: 1}", "nothing tells objects apart"),
        ("one_per: {object: done, identity: [id], owner: code, at_least: 2, at_most: 1}", "2 at least is more than 1"),
        ("one_per: {object: don, identity: [id], owner: code, at_most: 1}", "did you mean 'done'"),
        ("varies: {attribute: code, on: done}", "'on'"),
    ],
)
def test_what_makes_no_sense_is_refused_at_load(rule: str, problem: str) -> None:
    """Never per flow, and with its place."""
    with pytest.raises(SpecError, match=problem):
        loads(f"shape: s\nflow: {{key: flow}}\nsteps: {{done: {{span: done}}}}\nassertions:\n  - {rule}\n")
