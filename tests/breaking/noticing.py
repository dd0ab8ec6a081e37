"""What a broken kind is judged on, and what it means that the fault is noticed.

In: a kind. Out: its `Trials`: examples, hand-drawn flows and random flows, each with what the unbroken kind says of it;
and for a broken class the first `Notice` that is taken of it:

    flows      an example or a hand-drawn flow gets another verdict, another first finding, or lacks a text that must
               stand in it: a test fails. So does whatever raises or hangs.
    random     some random flow gets another verdict than by the unbroken kind: a case of the oracle, of the laws of
               flows, or of the laws of runs.
    findings   on all of these the verdicts are the same, but on one the findings are of other sorts, have other
               verdicts, or speak of other rows; or other rows are excused.
    words      only what the findings say differs, or their order; absences and what the engine makes of them are no
               words. No fault of the kind: words have tests of their own (`tests/golden`), so these are left out of the
               count.
    nothing    the mutant lives.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import IntEnum
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests import judging
from tests.assertions.test_flows import CASES, Case, example_of, shape_of, words_of
from tests.judging import judge_either
from tests.laws import differential, made, small, test_run_laws
from verifier import assertions
from verifier.assertions import Example
from verifier.run import check
from verifier.shape import Rule, RunRule, Shape
from verifier.spans import Reading, Record, Span
from verifier.verdict import AssertionVerdict, Verdict

ORACLES = 400  # random flows a kind, of each sort
DRAWN = 300
GATHERED = 300  # whose rows belong to them by an alias, or by what they led to
PREMISES = st.sampled_from(("complete", "complete", "complete", "lossy", "spans=lossy", "records=lossy"))
DROPPED = st.sampled_from(
    ({},) * 5 + ({"dropped_attributes": 1}, {"dropped_attributes": 2}, {"dropped_events": 1}, {"dropped_links": 1})
)
"""Of the first span."""
LATER_MS = st.sampled_from((0, 0, 2, 9, 60, 2000))


class Notice(IntEnum):
    """How a fault is noticed, the surest first."""

    FLOWS = 0
    HANG = 1
    RANDOM = 2
    FINDINGS = 3
    WORDS = 4
    NOTHING = 5


NO_FLOW = AssertionVerdict(id="", kind="", at=None, verdict=Verdict.INCONCLUSIVE)
Judging = Callable[[type[Rule]], AssertionVerdict]
"""What the class says of one flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What the faults of one kind are tried on, and what the unbroken kind says of it."""

    kind: str
    flows: tuple[tuple[Judging, Callable[[AssertionVerdict], bool], AssertionVerdict], ...]
    drawn: tuple[tuple[Judging, AssertionVerdict], ...]
    oracles: tuple[tuple[small.Made, str], ...]


def trials(kind: str) -> Trials:
    """Those of a kind; raises AssertionError where the unbroken kind fails one."""
    judging.parse = differential.parse = cache(judging.parse)  # type: ignore[attr-defined]
    unbroken = assertions.kinds()[kind]
    flows = []
    for judge, fails in _drawn_by_hand(unbroken):
        told = judge(unbroken)
        assert not fails(told), f"{kind}: its tests fail without any fault in it"
        flows.append((judge, fails, told))
    asked = [differential.case(0, number, kind) for number in range(ORACLES)] if kind in small.KINDS else []
    return Trials(
        kind=kind,
        flows=tuple(flows),
        drawn=tuple((judge, judge(unbroken)) for judge in _drawn_by_chance(unbroken)),
        oracles=tuple((m, differential.judged(m)) for m in asked),
    )


def notice(broken: type[Rule], of: Trials) -> Notice:
    """How the fault in the class is noticed; what it raises is for the caller to catch."""
    every = {**assertions.kinds(), of.kind: broken}
    assertions.__dict__["_kinds"] = lambda: every
    differential._plan.cache_clear()
    found = Notice.NOTHING
    for judge, fails, told in of.flows:
        said = judge(broken)
        if fails(said):
            return Notice.FLOWS
        found = min(found, _differs(said, told))
    for judge, told in of.drawn:
        found = min(found, _differs(judge(broken), told))
        if found is Notice.RANDOM:
            return found
    if any(differential.judged(m) != told for m, told in of.oracles):
        return Notice.RANDOM
    return max(found, Notice.FINDINGS)


def _differs(said: AssertionVerdict, told: AssertionVerdict) -> Notice:
    if said == told:
        return Notice.NOTHING
    if said.verdict != told.verdict:
        return Notice.RANDOM
    if _findings(said) != _findings(told):
        return Notice.FINDINGS
    return Notice.WORDS if _bare(said) != _bare(told) else Notice.NOTHING


def _bare(said: AssertionVerdict) -> AssertionVerdict:
    """Without what follows from the absences: a claim that is never wrong here may be wrong elsewhere."""
    findings = tuple(
        replace(j, premises=(), reason=None, settled_by=None, due_ns=None, finding=replace(j.finding, absences=()))
        for j in said.findings
    )
    return replace(said, premises=(), due_ns=None, findings=findings)


def _findings(said: AssertionVerdict) -> tuple[Any, ...]:
    """The findings without their words and their order."""
    found = sorted(
        (j.finding.word, str(j.verdict), sorted({str(e.of.id) for e in j.finding.evidence})) for j in said.findings
    )
    return found, sorted(str(e.of.id) for e in said.excused)


# ---- drawn by hand


def _drawn_by_hand(unbroken: type[Rule]) -> Iterator[tuple[Judging, Callable[[AssertionVerdict], bool]]]:
    for example in unbroken.examples:  # type: ignore[attr-defined]
        yield _of_example(unbroken, example)
    for case in CASES:
        if case.file in (unbroken.kind, "scope"):
            shape = shape_of(case)
            if shape.assertions[0].kind == unbroken.kind and "wrong" not in case.said:
                yield _of_case(case, shape)


def _of_example(unbroken: type[Rule], example: Example) -> tuple[Judging, Callable[[AssertionVerdict], bool]]:
    return (
        lambda cls: judge_either(_as(cls, unbroken(**example.parameters)), example),
        lambda said: said.verdict != example.verdict,
    )


def _of_case(case: Case, shape: Shape) -> tuple[Judging, Callable[[AssertionVerdict], bool]]:
    params = {"params": dict(shape.params)} if shape.params else {}
    example = example_of(case, shape)
    return (
        lambda cls: judge_either(_as(cls, shape.assertions[0]), example, shape=params),
        lambda said: _fails(case, said),
    )


def _as(cls: type[Rule], rule: Rule) -> Rule:
    """The same rule, of another class of its kind, and what it holds of the classes beside that."""
    module = sys.modules[cls.__module__]

    def anew(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(anew, value))
        if isinstance(value, dict):
            return {key: anew(of) for key, of in value.items()}
        beside = type(value).__module__ == cls.__module__ and is_dataclass(value)
        return getattr(module, type(value).__name__)(**_fields(value)) if beside else value

    return cls(**{name: anew(value) for name, value in _fields(rule).items()})


def _fields(of: Any) -> dict[str, Any]:
    return {f.name: getattr(of, f.name) for f in fields(of)}


def _fails(case: Case, judged: AssertionVerdict) -> bool:
    said = case.said
    if judged.verdict != said["verdict"]:
        return True
    if "finding" in said and (judged.findings[0].finding.word if judged.findings else "none") != said["finding"]:
        return True
    mentioned = said.get("mentions", [])
    words = words_of(judged.findings[0]) if judged.findings else ""
    return any(text not in words for text in ([mentioned] if isinstance(mentioned, str) else mentioned))


# ---- drawn by chance, but always the same


def _drawn_by_chance(unbroken: type[Rule]) -> list[Judging]:
    kind = unbroken.kind
    if issubclass(unbroken, RunRule):
        rule = test_run_laws.PARAMETERS[kind].map(lambda parameters: unbroken(**parameters))
        cases = st.tuples(test_run_laws.runs(), rule, PREMISES, st.booleans(), st.booleans())
        return [_of_run(*case) for case in _some(cases)]
    ends = st.sampled_from(((), (), ("end",)))
    flows = st.tuples(made.sketches(), made.rules(kind), PREMISES, LATER_MS, ends, DROPPED)
    gathered = _some(st.tuples(made.sketches(), made.rules(kind)), GATHERED)
    return [_of_flow(*case) for case in _some(flows)] + [_gathered(*case) for case in gathered]


def _some(cases: st.SearchStrategy[tuple[Any, ...]], most: int = DRAWN) -> Sequence[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []

    @seed(0)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def collect(case: tuple[Any, ...]) -> None:
        found.append(case)

    collect()
    return found


def _of_flow(
    text: str, rule: Rule, premise: str, later_ms: int, ends: tuple[str, ...], dropped: dict[str, int]
) -> Judging:
    rows: tuple[Any, ...] = made.rows_of(text)
    if dropped and isinstance(rows[0], Span):
        rows = (replace(rows[0], **dropped), *rows[1:])
    at_ns = made.last_of(rows) + later_ms * made.MS

    def judge(cls: type[Rule]) -> AssertionVerdict:
        found = made.outcome(rows, _as(cls, rule), premise=premise, at_ns=at_ns, ends=ends)
        return found.verdict.assertions[0]

    return judge


def _gathered(text: str, rule: Rule) -> Judging:
    """The first flow of a run, whose rows may be in it by a guess, where evidence may be lost."""
    rows = made.rows_of(text)

    def judge(cls: type[Rule]) -> AssertionVerdict:
        shape = made.shape_of(_as(cls, rule), key="code", aliases=("n",))
        spans = Reading(url="s", spans=tuple(r for r in rows if isinstance(r, Span)))
        records = Reading(url="r", records=tuple(r for r in rows if isinstance(r, Record)))
        told = check([shape], spans=spans, records=records, assume="lossy", max_explained=0)
        return told.flows[0].assertions[0] if told.flows else NO_FLOW

    return judge


def _of_run(text: str, rule: Rule, premise: str, ends: bool, when: bool) -> Judging:
    rows: tuple[Span | Record, ...] = made.rows_of(text)

    def judge(cls: type[Rule]) -> AssertionVerdict:
        (run,) = test_run_laws.report(rows, _as(cls, rule), assume=premise, ends=ends, when=when).run_assertions
        return run.rule

    return judge
