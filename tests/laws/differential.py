"""Judge against oracle on random shapes and flows: python -m tests.laws.differential --cases 100000 --seed 0 --jobs 2

In: a number of cases and a seed. Out: how often the judge said what, and what the definition says, per kind; the
smallest cases on which they disagree, with the completion that proves it; exit code 1 if a verdict is wrong. A verdict
that is only open where the definition decides is "coarse": a fault too, but nobody is misled; or it is of a class that
the design asks for (`EXCUSES`). The last line is a digest of all verdicts: the same under every PYTHONHASHSEED.
"""

import argparse
import hashlib
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from random import Random
from typing import Any

from tests.laws.oracle import Impossible, TooMany, base_times
from tests.laws.oracle_answer import Answer, answer
from tests.laws.oracle_case import Case, told_fact
from tests.laws.oracle_case import Step as Told
from tests.laws.small import FACTS, KINDS, MACHINE, MS, STEPS, Made, made
from verifier.assertions import kinds
from verifier.assertions.no_errors import Allow
from verifier.assertions.sequence import Hop
from verifier.engine.complete import Sight, parse_assume
from verifier.engine.judge import Setting, judge
from verifier.engine.plan import Plan, plan
from verifier.flows import Flow, Member, sort_key
from verifier.shape import Condition, Correlation, Ends, Fact, FactRef, Machine, MovesBy, Shape, Step
from verifier.sketch import ORIGIN_NS, parse
from verifier.spans import Loss

WORDS = ("satisfied", "violated", "pending", "inconclusive", "vacuous")


# ---- the judge's side


def judged(m: Made) -> str:
    """What the judge says of it."""
    parsed = parse(m.sketch)
    rows = sorted((*parsed.spans, *parsed.records), key=sort_key)
    ids = {row.id for row in rows}
    orphans = tuple(row for row in rows if row.parent is not None and row.parent not in ids)
    flow = Flow(name="flow", key="1", members=tuple(Member(row=row, why="own") for row in rows), orphans=orphans)
    sight = Sight(
        at_ns=ORIGIN_NS + m.case.at,
        from_ns=ORIGIN_NS - 10**12,
        assume=parse_assume(m.premise),
        topics=None if m.records else frozenset(),
        losses=tuple(Loss(kind="sampled", where=s, service=s) for s in m.losses),
        gaps={},
    )
    found = judge(_plan(m.case.kind, _frozen(m.case.rule), m.ends), flow, Setting(sight=sight, jumps=()))
    assert found is not None
    return found.verdict.assertions[0].verdict.value


@cache
def _plan(kind: str, rule: Any, ends: bool) -> Plan:
    return plan(
        Shape(
            shape="made",
            flow=Correlation(key="flow", ends=Ends(steps=("end",)) if ends else None),  # type: ignore[arg-type]
            steps={name: _step(step) for name, step in STEPS.items()},
            machines={"door": _machine()},
            facts={name: (Fact(attribute=places[0]),) for name, places in FACTS.items()},
            assertions=(kinds()[kind](**_parameters(kind, dict(rule))),),
        )
    )


def _step(step: Told) -> Step:
    return Step(
        **{step.sort: step.names},
        service=step.service,
        status=step.status,  # type: ignore[arg-type]
        where=_conditions(step.where),
        identity=step.identity,  # type: ignore[arg-type]
        carries=step.carries,  # type: ignore[arg-type]
    )


def _machine() -> Machine:
    by = MovesBy(step=MACHINE["step"], from_="from", to="to")  # type: ignore[arg-type]
    return Machine(moves_by=by, initial=MACHINE["initial"], final=MACHINE["final"], moves=MACHINE["moves"])


def _conditions(where: Any) -> dict[str, Any]:
    return {name: value if operator == "eq" else Condition(**{operator: value}) for name, operator, value in where}


def _parameters(kind: str, rule: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in rule.items():
        if value is None:
            continue
        if name in ("within", "not_before", "due_after", "grace", "recovers_within"):
            value = f"{value}ns"
        elif name in ("where", "if") or (kind == "has" and name in ("then", "else")):
            value = _conditions(value)
        elif name == "times" and isinstance(value, tuple):
            value = f">={value[0]}" if value[1] is None else f"{value[0]}..{value[1]}"
        elif name in ("times", "count") and isinstance(value, str):
            value = FactRef(fact=value)  # type: ignore[arg-type]
        elif name == "steps":
            value = tuple(step if limit is None else {step: Hop(within=f"{limit}ns")} for step, limit in value)
        elif name == "allow":
            value = tuple(Allow(span=span, because="said so") for span in value)
        elif name == "when":
            value = dict(value)
        out[{"if": "if_", "else": "else_"}.get(name, name)] = value
    return out | ({"machine": "door"} if kind == "conforms" else {})


def _frozen(rule: Any) -> Any:
    return tuple((k, tuple(v.items()) if isinstance(v, dict) else v) for k, v in rule.items())


# ---- one case

Verdicts = tuple[str, str, str]
"""(what the judge says, what the definition says, "" or what is wrong)."""


def compare(m: Made) -> tuple[Verdicts, Answer | None]:
    """The two verdicts of one case."""
    said = judged(m)
    try:
        base_times(m.case)
    except Impossible:
        return (said, "impossible", ""), None
    try:
        told = answer(m.case)
        if said in ("inconclusive", "pending") and not told.accepts(said) and m.case.lossy:
            told = answer(m.case, lost=3)
        if told.accepts(said):
            return (said, told.verdict, ""), told
        return (said, told.verdict, _excuse(m.case, said, told)), told
    except TooMany:
        return (said, "too many", ""), None


EXCUSES = {
    "unknown fact": "shapes.md: unknown or contradictory: judged all the same, inconclusive, and names the fact",
    "pairs": "verdicts.md: before(p, q) compares points, bounds learned from causal pairs are not used; kinds.md: a "
    "value that can't be read decides nothing: each question for itself",
    "scope": "ADR 3: the segment's own bounds are absences too and are added to what the rule found",
    "all steps": "ADR 2: a broken sequence rests on the absence of all its steps",
    "between moves": "kinds.md: a move that doesn't continue from the last one rests on no move being lost in between",
    "which order": "verdicts.md, the table: an order within the uncertainty is open, whatever else may yet come",
    "no end": "verdicts.md: the end of a span that ends before it starts is not known, nor what is due after it",
    "blind": "verdicts.md, the table: a step that no given source can show stands before a window that has not passed",
    "open": "verdicts.md, the table: a satisfied rule of a flow that is still open is pending",
    "unread first": "verdicts.md, the table: unreadable on a closed input stands before a window that has not passed",
    "no records": "propagates looks at what was given: without any records it speaks of spans alone (no sentence yet)",
    "under way": "test_laws: what has begun and isn't yet exported, no cut of a file can know of",
}
"""The classes of differences that the design asks for, each with its sentence; the last two of final ones."""


def _excuse(case: Case, said: str, told: Answer) -> str:
    """The class of a difference that the design asks for, else "wrong"."""
    if said not in ("inconclusive", "pending"):
        if case.kind == "propagates" and any(loss.sort == "record" and loss.ungiven for loss in case.lossy):
            return "no records"
        return "under way" if case.open and answer(case, under_way=False).accepts(said) else "wrong"
    if said == "inconclusive" and unknown_fact(case):
        return "unknown fact"
    if any(name in case.rule for name in ("after", "before", "between")):
        return "scope"
    if case.kind == "sequence" and said == "inconclusive" and told.verdict in ("violated", "pending"):
        return "all steps"
    if case.kind == "conforms" and said == "pending" and case.open:
        return "between moves"
    if case.kind == "conforms" and said == "inconclusive" and told.verdict == "pending" and _which_order(told):
        return "which order"
    late = told.verdict == "pending" or any(isinstance(p, str) and p.startswith("end of") for p in case.rule.values())
    if late and any(r.sort == "span" and r.end < r.start for r in case.rows):  # type: ignore[operator]
        return "no end"
    if said == "inconclusive" and told.verdict == "pending" and any(loss.ungiven for loss in case.lossy):
        return "blind"
    if said == "pending" and told.verdict == "satisfied" and case.open:
        return "open"
    if said == "inconclusive" and told.verdict == "pending" and _unread(told):
        return "unread first"
    return "pairs" if answer(case, pairs=True).accepts(said) else "coarse"


def _which_order(told: Answer) -> bool:
    """Whether a completion rests on the order of two moves that were seen."""
    words = {words for how in (*told.now.values(), *told.later.values()) for words in how}
    return any(said.count("*") == 2 and " before " in said for said in words)


def _unread(told: Answer) -> bool:
    """Whether a completion rests on a value that can't be read."""
    words = {words for how in (*told.now.values(), *told.later.values()) for words in how}
    return any(sign in said for sign in (" lt ", " ge ", " of s", " of r", "one message") for said in words)


def unknown_fact(case: Case) -> bool:
    """Whether the rule asks for a fact that the evidence doesn't tell."""
    asked = [*(case.rule.get("when") or ()), case.rule.get("times"), case.rule.get("count")]
    return any(isinstance(name, str) and name in case.facts and told_fact(case, name) is None for name in asked)


def cases(seed: int, numbers: range, only: str | None = None) -> list[tuple[int, str, Verdicts]]:
    """The verdicts of these cases; each has its own seed, so that it can be made again alone."""
    out = []
    for number in numbers:
        kind = only or KINDS[number % len(KINDS)]
        out.append((number, kind, compare(case(seed, number, kind))[0]))
    return out


def case(seed: int, number: int, kind: str) -> Made:
    """The case of that number."""
    return made(Random(f"{seed}/{number}/{kind}"), kind)


# ---- the command


def main(arguments: list[str] | None = None) -> int:
    """Compares, prints, and says by its exit code whether all agree."""
    parser = argparse.ArgumentParser(prog="python -m tests.laws.differential")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--show", type=int, default=1, help="how many disagreements to print of each kind")
    parser.add_argument("--number", type=int, help="shows this one case")
    options = parser.parse_args(arguments)
    if options.number is not None:
        show(options.seed, options.number, options.kind or KINDS[options.number % len(KINDS)])
        return 0
    begun = time.perf_counter()
    chunks = [range(i, min(i + 250, options.cases)) for i in range(0, options.cases, 250)]
    results: list[tuple[int, str, Verdicts]] = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for part in pool.map(cases, [options.seed] * len(chunks), chunks, [options.kind] * len(chunks)):
            results += part
    _print(results, options.seed, options.show)
    took = time.perf_counter() - begun
    print(f"{took:.0f} s, {len(results) / took:.0f} cases/s", file=sys.stderr)
    return int(any(verdicts[2] == "wrong" for _, _, verdicts in results))


def _print(results: list[tuple[int, str, Verdicts]], seed: int, most: int) -> None:
    print(f"seed {seed}, {len(results)} cases\n")
    print(f"{'kind':<11} {'judge':<13}" + "".join(f"{w:>13}" for w in (*WORDS, "impossible", "too many")))
    for kind in sorted({kind for _, kind, _ in results}):
        table = Counter((said, told) for _, k, (said, told, _) in results if k == kind)
        for word in WORDS:
            counts = [table[word, told] for told in (*WORDS, "impossible", "too many")]
            if any(counts):
                print(f"{kind:<11} {word:<13}" + "".join(f"{n or '.':>13}" for n in counts))
    classes = Counter((kind, wrong) for _, kind, (_, _, wrong) in results if wrong)
    print("\ndifferences: " + (", ".join(f"{k} {w}: {n}" for (k, w), n in sorted(classes.items())) or "none"))
    for kind, bad in sorted((kind, wrong) for kind, wrong in classes if wrong in ("wrong", "coarse")):
        wrong = [number for number, k, (_, _, w) in results if k == kind and w == bad]
        for number in sorted(wrong, key=lambda n: (len(case(seed, n, kind).sketch), n))[:most]:
            print()
            show(seed, number, kind)
    digest = hashlib.sha256(repr(sorted(results)).encode()).hexdigest()[:16]
    print(f"\ndigest {digest}")


def show(seed: int, number: int, kind: str) -> None:
    """Prints one case with both answers."""
    m = case(seed, number, kind)
    (said, told, wrong), found = compare(m)
    print(f"case {number} of seed {seed}: judge {said}, oracle {told}{f' ({wrong})' if wrong else ''}")
    print("\n".join(f"    {line}" for line in m.sketch.split("\n")))
    rule = _parameters(kind, dict(_frozen(m.case.rule)))
    print(f"    - {kind}: {rule}")
    ends = "ends: [end]; " if m.ends else ""
    records = "" if m.records else "; no records given"
    losses = f"; losses of {m.losses[0]}" if m.losses else ""
    print(f"    {ends}as of {m.case.at / MS:g}ms; assuming {m.premise}{records}{losses}")
    for name, part in (("now", found.now), ("later", found.later)) if found else ():
        for outcome, how in sorted(part.items()):
            print(f"    {name}: {outcome} if {', '.join(how) or 'as seen'}")


if __name__ == "__main__":
    sys.exit(main())
