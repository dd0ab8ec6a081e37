"""Breaks the code of every kind, one fault at a time, and says which faults no test notices.

    python -m tests.breaking.break_kinds [KIND ...] [--most N] [--seed S] [--jobs 2]

In: the kinds, their examples and hand-drawn flows, the oracle's random flows. Out: per kind how many mutants there
were and how many lived; each survivor with its line and, from `survivors.yaml`, the reason why it may. Exit code 1 if
one lives without a reason, or a reason has no survivor any more. Each mutant is judged in a process of its own, which
is ended if it hangs.
"""

import argparse
import ast
import os
import random
import signal
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path

import yaml

from tests.assertions.test_flows import CASES, Case, example_of, shape_of, words_of
from tests.breaking.mutants import Mutant, mutants
from tests.judging import judge_either
from verifier import assertions
from verifier.shape import Rule, Shape

REASONS = Path(__file__).with_name("survivors.yaml")
MOST_SECONDS = 60
LIVES = 0  # exit codes of a child
DIES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a kind's mutants."""

    kind: str
    mutants: int
    survivors: tuple[Mutant, ...]


def main(argv: Sequence[str] | None = None) -> int:
    """Breaks the kinds that are named, or all; returns the exit code."""
    parser = argparse.ArgumentParser(description="Break each kind's code in turn and see whether a test notices.")
    parser.add_argument("kinds", nargs="*", help="kinds to break; all if none is named")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="so many mutants a kind, drawn by chance")
    parser.add_argument("--seed", type=int, default=0, help="of that choice")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    given = parser.parse_args(argv)
    reasons = _reasons()
    wanted = given.kinds or sorted(assertions.kinds())
    suites = {case.id: (case, shape_of(case)) for case in CASES}  # before any mutant is there
    unexplained, lived = 0, set()
    print(f"{'kind':14}{'mutants':>9}{'killed':>8}{'lived':>7}  of these with a reason")
    for kind in wanted:
        tally = _broken(kind, suites, given)
        told = [m for m in tally.survivors if m.name in reasons]
        lived |= {m.name for m in tally.survivors}
        unexplained += len(tally.survivors) - len(told)
        killed = tally.mutants - len(tally.survivors)
        print(f"{kind:14}{tally.mutants:>9}{killed:>8}{len(tally.survivors):>7}  {len(told)}", flush=True)
        for mutant in tally.survivors:
            because = reasons.get(mutant.name)
            print(f"    line {mutant.line}: {mutant.before}  ->  {mutant.after}")
            print(f"        {f'because {because}' if because else 'NO REASON GIVEN'}")
    stale = [name for name in reasons if name.split(":")[0] in wanted and name not in lived and not given.most]
    for name in stale:
        print(f"the reason for '{name}' has no survivor any more: take it out of {REASONS.name}")
    return 1 if unexplained or stale else 0


def _reasons() -> Mapping[str, str]:
    said = yaml.safe_load(REASONS.read_text()) if REASONS.exists() else []
    return {f"{one['kind']}: {one['before']} -> {one['after']}": " ".join(one["because"].split()) for one in said or []}


def _broken(kind: str, suites: Mapping[str, tuple[Case, Shape]], given: argparse.Namespace) -> Tally:
    path = Path(assertions.__path__[0]) / f"{kind}.py"
    source = path.read_text()
    unbroken = Mutant(kind=kind, line=0, before="", after="", source=ast.unparse(ast.parse(source)))
    assert _lives(unbroken, suites), f"{kind}: its tests fail without any fault in it"
    every = list(mutants(kind, source))
    if given.most and len(every) > given.most:
        chosen = random.Random(f"{given.seed} {kind}").sample(range(len(every)), given.most)
        every = [every[n] for n in sorted(chosen)]
    with ThreadPoolExecutor(given.jobs) as pool:
        lived = list(pool.map(lambda m: _lives(m, suites), every))
    return Tally(
        kind=kind, mutants=len(every), survivors=tuple(m for m, lives in zip(every, lived, strict=True) if lives)
    )


def _lives(mutant: Mutant, suites: Mapping[str, tuple[Case, Shape]]) -> bool:
    """Whether no test notices the mutant; judged in a child process."""
    child = os.fork()
    if child == 0:
        signal.alarm(MOST_SECONDS)  # its signal ends the process
        code = DIES
        try:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            code = DIES if any(_noticed(mutant, suites)) else LIVES
        except BaseException:  # whatever a fault leads to, it was noticed
            code = DIES
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == LIVES


def _noticed(mutant: Mutant, suites: Mapping[str, tuple[Case, Shape]]) -> Iterator[bool]:
    """For each test: whether it fails with the mutant in the kind's place."""
    broken = _loaded(mutant)
    for example in broken.examples:  # type: ignore[attr-defined]
        rule = broken(**example.parameters)
        yield judge_either(rule, example).verdict != example.verdict
    for case, shape in suites.values():
        rule = shape.assertions[0]
        if rule.kind == mutant.kind:
            yield _fails(case, replace(shape, assertions=(_as(broken, rule),)))


def _loaded(mutant: Mutant) -> type[Rule]:
    """The mutant's class, in the place of the kind's."""
    name = f"verifier.assertions.{mutant.kind}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(mutant.source, f"{mutant.kind}.py", "exec"), module.__dict__)
    wanted = "".join(part.capitalize() for part in mutant.kind.split("_"))
    broken: type[Rule] = getattr(module, wanted)
    every = {**assertions.kinds(), mutant.kind: broken}
    assertions.__dict__["kinds"] = lambda: every
    return broken


def _as(broken: type[Rule], rule: Rule) -> Rule:
    """The same rule, of the broken kind."""
    return broken(**{f.name: getattr(rule, f.name) for f in fields(rule)})


def _fails(case: Case, shape: Shape) -> bool:
    said = case.said
    params = {"params": dict(shape.params)} if shape.params else {}
    judged = judge_either(shape.assertions[0], example_of(case, shape), shape=params)
    if judged.verdict != said["verdict"]:
        return True
    if "finding" in said and (judged.findings[0].finding.word if judged.findings else "none") != said["finding"]:
        return True
    mentioned = said.get("mentions", [])
    words = words_of(judged.findings[0]) if judged.findings else ""
    return any(text not in words for text in ([mentioned] if isinstance(mentioned, str) else mentioned))


if __name__ == "__main__":
    sys.exit(main())
