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
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.breaking.mutants import Mutant, mutants
from tests.breaking.noticing import Notice, Trials, notice, trials
from verifier import assertions
from verifier.shape import Rule

REASONS = Path(__file__).with_name("survivors.yaml")
MOST_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a kind's mutants."""

    kind: str
    noticed: tuple[tuple[Mutant, Notice], ...]

    def those(self, how: Notice) -> list[Mutant]:
        """The mutants that were noticed so."""
        return [m for m, n in self.noticed if n is how]


def main(argv: Sequence[str] | None = None) -> int:
    """Breaks the kinds that are named, or all; returns the exit code."""
    parser = argparse.ArgumentParser(description="Break each kind's code in turn and see whether a test notices.")
    parser.add_argument("kinds", nargs="*", help="kinds to break; all if none is named")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="so many mutants a kind, drawn by chance")
    parser.add_argument("--seed", type=int, default=0, help="of that choice")
    parser.add_argument("--words", action="store_true", help="list also the mutants that only change words")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    given = parser.parse_args(argv)
    reasons = _reasons()
    wanted = given.kinds or sorted(assertions.kinds())
    unexplained, lived = 0, set()
    print(
        f"{'kind':14}{'mutants':>9}{'by flows':>10}{'hang':>6}{'random':>8}{'findings':>10}"
        f"{'lived':>7}{'reasons':>9}{'(words)':>10}"
    )
    for kind in wanted:
        tally = _broken(kind, given)
        survivors = tally.those(Notice.NOTHING)
        told = [m for m in survivors if m.name in reasons]
        lived |= {m.name for m in survivors}
        unexplained += len(survivors) - len(told)
        flows, hang, by_chance, findings, words = (len(tally.those(n)) for n in list(Notice)[:-1])
        counted = len(tally.noticed) - words
        print(
            f"{kind:14}{counted:>9}{flows:>10}{hang:>6}{by_chance:>8}{findings:>10}"
            f"{len(survivors):>7}{len(told):>9}{words:>10}",
            flush=True,
        )
        if given.words:
            for mutant in tally.those(Notice.WORDS):
                print(f"    words: {mutant.where}, line {mutant.line}: {mutant.before} -> {mutant.after}")
        for mutant in survivors:
            because = reasons.get(mutant.name)
            print(f"    {mutant.where}, line {mutant.line}: {mutant.before} -> {mutant.after}")
            print(f"        {f'because {because}' if because else 'NO REASON GIVEN'}")
    stale = [name for name in reasons if name.split(".")[0] in wanted and name not in lived and not given.most]
    for name in stale:
        print(f"the reason for '{name}' has no survivor any more: take it out of {REASONS.name}")
    return 1 if unexplained or stale else 0


def _reasons() -> Mapping[str, str]:
    said = yaml.safe_load(REASONS.read_text()) or []
    return {
        f"{one['kind']}.{one['where']}: {fault}": " ".join(one["because"].split())
        for one in said
        for fault in one["faults"]
    }


def _broken(kind: str, given: argparse.Namespace) -> Tally:
    path = Path(assertions.__path__[0]) / f"{kind}.py"
    source = path.read_text()
    of = trials(kind)
    unbroken = Mutant(kind=kind, where="", line=0, before="", after="", source=ast.unparse(ast.parse(source)))
    assert _noticed(unbroken, of) is Notice.NOTHING, f"{kind}: written anew from its syntax it is another"
    every = list(mutants(kind, source))
    if given.most and len(every) > given.most:
        chosen = random.Random(f"{given.seed} {kind}").sample(range(len(every)), given.most)
        every = [every[n] for n in sorted(chosen)]
    with ThreadPoolExecutor(given.jobs) as pool:
        found = list(pool.map(lambda m: _noticed(m, of), every))
    return Tally(kind=kind, noticed=tuple(zip(every, found, strict=True)))


def _noticed(mutant: Mutant, of: Trials) -> Notice:
    """How the mutant is noticed; judged in a child process, whose exit code says it."""
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)  # of its own work, however busy the machine is; ends it
        code = Notice.FLOWS
        try:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            code = notice(_loaded(mutant), of)
        except BaseException:  # whatever a fault leads to, it was noticed
            code = Notice.FLOWS
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return Notice(os.WEXITSTATUS(status)) if os.WIFEXITED(status) else Notice.HANG


def _loaded(mutant: Mutant) -> type[Rule]:
    """The mutant's class."""
    name = f"verifier.assertions.{mutant.kind}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(mutant.source, f"{mutant.kind}.py", "exec"), module.__dict__)
    broken: type[Rule] = getattr(module, "".join(part.capitalize() for part in mutant.kind.split("_")))
    return broken


if __name__ == "__main__":
    sys.exit(main())
