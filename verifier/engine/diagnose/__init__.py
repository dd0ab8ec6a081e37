"""Why flows went wrong: diagnosed after judging, and only those that get explained.

In: every judged flow of a run as a `Case`, and in how many flows each rule is explained. Out: the verdicts of the
chosen flows with their diagnosis: a witness for each finding, a repair for each rule, causes, the nearest flow that
passed. Verdicts stay what they are. The work is bounded: `MOST_ROWS_JUDGED` rows are judged again for one flow.

    witness ─> repair of each violated rule ─> causes over all of them ─> nearest flow that passed
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from verifier.diagnosis import Diagnosis, Edit, Repair
from verifier.engine.diagnose.case import MOST_ROWS_JUDGED, Budget, Case, about, claim, same
from verifier.engine.diagnose.cause import causes_of
from verifier.engine.diagnose.nearest import Profile, difference, most_like, passed
from verifier.engine.diagnose.repair import MOST_OF_A_SMALL_FLOW, agreeing, repair_of
from verifier.engine.diagnose.witness import witness_of
from verifier.verdict import FlowVerdict, Verdict

MOST_WITNESSES = 5
"""For how many findings of one rule a witness is looked for: as many as are shown."""


def diagnosed(cases: Sequence[Case], *, most: int) -> list[FlowVerdict]:
    """The verdicts of all cases, in their order; those of the first `most` violated flows of each rule diagnosed."""
    used: Counter[tuple[str, str]] = Counter()
    good: dict[str, list[Profile]] = {}
    out: list[FlowVerdict] = []
    for case in cases:
        flow = case.verdict
        wrong = [(flow.shape or "", r.id) for r in flow.assertions if r.verdict is Verdict.VIOLATED]
        if flow.verdict is not Verdict.VIOLATED or not any(used[w] < most for w in wrong):
            out.append(flow)
            continue
        used.update(wrong)
        name = flow.shape or ""
        if name not in good:
            good[name] = passed([c for c in cases if c.verdict.shape == name])
        out.append(diagnose(case, good[name]))
    return out


def diagnose(case: Case, good: Sequence[Profile] = ()) -> FlowVerdict:
    """The verdict of one flow with its diagnosis; `good` are flows of the same shape that passed."""
    budget, pairs = Budget(left=MOST_ROWS_JUDGED), Budget(left=MOST_OF_A_SMALL_FLOW)
    rules = list(case.verdict.assertions)
    repairs: list[Repair] = []
    helped: dict[int, list[Edit]] = {}
    for number, rule in enumerate(rules):
        if rule.verdict is not Verdict.VIOLATED:
            continue
        findings = tuple(
            replace(j, witness=witness_of(case, number, j, budget))
            if n < MOST_WITNESSES and j.verdict is Verdict.VIOLATED
            else j
            for n, j in enumerate(rule.findings)
        )
        repair, edits = repair_of(case, number, budget, pairs)
        repairs += [repair] if repair is not None else []
        helped[number] = edits
        rules[number] = replace(rule, findings=findings, repair=repair)
    best = most_like(case, good)
    causes, capped = causes_of(case, repairs, [e for edits in helped.values() for e in edits], budget, best)
    for number, edits in helped.items():
        rules[number] = replace(rules[number], repair=agreeing(case, rules[number], causes, edits))
    near = difference(case, best) if best is not None else None
    diagnosis = Diagnosis(causes=causes, nearest=near, passed=len(good), capped=capped)
    return replace(case.verdict, assertions=tuple(rules), diagnosis=diagnosis)


__all__ = ["Budget", "Case", "Profile", "about", "claim", "diagnose", "diagnosed", "same"]
