"""Is the first cause that is named the right one? Good recorded batches, broken in one known way each, and explained.

In: tests/data/huleedu, every single mutation of the loss matrix. Out: of the mutants that are violated, how many times
the first cause named is the mutation's own, by kind of mutation, and the misses grouped; exit code 1 below 95 %:

    python -m tests.laws.explanations [--batches 1] [--after 0] [--every 1] [--kind KIND]... [--misses 40] [--write F]

The mutation's own is a cause that speaks of a row that the mutation touched (changed, moved, put in), in a sort that
fits it, or of a step that lacks because the mutation took its row away. The ranking was looked at on the first batch of
each capture; `--batches 50 --after 1` asks the others. `--write` prints some explanations in full.
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.laws import loss_matrix as matrix
from verifier import wording
from verifier.diagnosis import Cause
from verifier.engine.complete import Sight
from verifier.engine.diagnose import Case as Judging
from verifier.engine.judge import Setting
from verifier.engine.plan import names_of, plan
from verifier.flows import RowId, gather
from verifier.mutate import Mutation, applied
from verifier.verdict import FlowVerdict

WANTED = 0.95
LATER = "+27h"
"""As of when mutants are judged: by then nothing is awaited any more, so that what lacks is violated."""
TIMES = frozenset({"moved", "swapped", "paused", "clock"})
FITS: Mapping[str, frozenset[str]] = {
    # kind of mutation: sorts of causes that may speak of a row that it touched
    "publish_again": frozenset({"duplicated", "extra"}),
    "handle_again": frozenset({"duplicated", "extra"}),
    "redeliver": frozenset({"duplicated", "extra"}),
    "delay_alone": TIMES,
    "delay": TIMES,
    "delay_rest": TIMES,
    "swap": TIMES,
    "shift_clock": TIMES,
    "shift_clock_far": TIMES,
    "change_value": frozenset({"changed", "extra"}),
    "remove_value": frozenset({"changed", "extra"}),
    "empty_value": frozenset({"changed", "extra"}),
    "mix_ids": frozenset({"changed", "extra"}),
    "fail": frozenset({"failed"}),
}
CAPTURES = ("regular", "guest", "enriched/regular", "enriched/guest", "enriched/timeout_monitor", "duplicates")


@dataclass(slots=True, kw_only=True)
class Tally:
    """How many mutants of each kind were violated and explained rightly, and what the misses were."""

    violated: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    misses: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    mutants: int = 0
    texts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Takes another tally's counts in."""
        self.violated += other.violated
        self.right += other.right
        self.mutants += other.mutants
        self.texts += other.texts
        for key, said in other.misses.items():
            self.misses[key] += said


def batches(most: int, after: int = 0) -> list[matrix.Batch]:
    """The first good batches of each capture that has any, with records; `after` so many, to see others."""
    found: dict[str, list[matrix.Batch]] = defaultdict(list)
    for batch in matrix.batches():
        if batch.good and batch.records and batch.case.capture in CAPTURES:
            found[batch.case.capture].append(batch)
    return [b for capture in CAPTURES for b in found[capture][after : after + most]]


def explained(batch: matrix.Batch, kinds: Sequence[str], every: int = 1) -> Tally:
    """Every mutation of one batch that makes it violated, with the first cause that is named."""
    tally = Tally()
    here = matrix.Case(capture=batch.case.capture, good=0, params=batch.case.params, at=LATER)
    steps = _steps(batch.case.capture, batch.key)
    seen: Counter[str] = Counter()
    for mutation in matrix.mutations(batch):
        seen[mutation.kind] += 1
        if (kinds and mutation.kind not in kinds) or seen[mutation.kind] % every:
            continue
        tally.mutants += 1
        report = matrix._judged(here, mutation, records=True, premise="complete", key=batch.key, explained=1)
        flow = next((f for f in report.flows if f.key == batch.key and str(f.verdict) == "violated"), None)
        if flow is None:
            continue
        assert flow.diagnosis is not None, "a violated flow is to be explained"
        tally.violated[mutation.kind] += 1
        causes = flow.diagnosis.causes
        first = causes[0] if causes else None
        lost = _lost(batch, mutation, steps)
        if first is not None and own(mutation, first, lost):
            tally.right[mutation.kind] += 1
        else:
            tally.misses[mutation.kind, first.sort if first else "none"].append(_miss(batch, mutation, flow, first))
        if tally.violated[mutation.kind] == 1:
            tally.texts.append((f"{batch.case.capture}: {mutation.what}", flow.explain()))
    return tally


def own(mutation: Mutation, cause: Cause, lost: frozenset[str]) -> bool:
    """Whether a cause is the mutation's own."""
    touched = set(mutation.touched)
    rows: set[RowId] = {o.row.id for e in cause.edits for o in (e.of, e.other) if o is not None}
    if cause.sort in FITS.get(mutation.kind, frozenset()) and rows & touched:
        return True
    if cause.sort in ("missing", "silent"):
        return bool(lost & ({cause.step} if cause.sort == "missing" else set(cause.steps)))
    return False


@cache
def _steps(capture: str, key: str) -> Mapping[RowId, frozenset[str]]:
    """Which steps each row of the good flow is, by any of the shapes."""
    flow = matrix._flows(capture)[key]
    found: dict[RowId, set[str]] = defaultdict(set)
    for shape in matrix._shapes():
        sight = Sight(at_ns=1 << 62, from_ns=0)
        verdict = FlowVerdict(shape=shape.shape, name=flow.name, key=key, verdict=None)
        case = Judging(plan=plan(shape), flow=flow, setting=Setting(sight=sight), verdict=verdict)
        for step, occurrences in case.bound(flow).occurrences.items():
            for occurrence in occurrences:
                for o in occurrence.all:
                    found[o.row.id].add(step)
    return {i: frozenset(steps) for i, steps in found.items()}


def _lost(batch: matrix.Batch, mutation: Mutation, steps: Mapping[RowId, frozenset[str]]) -> frozenset[str]:
    """The steps of rows that the mutation took away, changed, or led into another flow or none."""
    evidence, shape = matrix._evidence(batch.case.capture), matrix._shapes()[0]
    spans, records = applied(mutation, evidence.spans, evidence.records)
    unique = ({s.id: s for s in spans}.values(), {r.id: r for r in records}.values())
    flows = gather(*unique, correlation=shape.flow, attributes=names_of(shape)).flows
    still = {m.row.id for m in flows[batch.key].members} if batch.key in flows else set()
    away = set(mutation.gone) | {i for i in steps if i not in still}
    lost = frozenset(step for i in away for step in steps.get(i, ()))
    return lost | ({"by_teacher", "by_timeout"} if "confirmation" in lost else frozenset())  # either: one record


def _miss(batch: matrix.Batch, mutation: Mutation, flow: FlowVerdict, cause: Cause | None) -> str:
    said = "no cause" if cause is None else f"{wording.cause(cause)} ({wording.explains(cause)})"
    rules = [r.id for r in flow.assertions if str(r.verdict) == "violated"]
    where = f"{batch.case.capture} {batch.key[:8]}: {mutation.what}"
    return f"{where}\n        said: {said}\n        broken: {', '.join(rules)}"


def _one(item: tuple[matrix.Batch, Sequence[str], int]) -> Tally:
    return explained(*item)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs it and prints the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batches", type=int, default=1, help="good batches of each capture")
    parser.add_argument("--after", type=int, default=0, help="leave out so many good batches of each capture")
    parser.add_argument("--kind", action="append", default=[], help="only mutations of this kind")
    parser.add_argument("--every", type=int, default=1, help="only every n-th mutation of each kind")
    parser.add_argument("--misses", type=int, default=12, help="how many misses to print")
    parser.add_argument("--write", type=Path, help="some explanations in full")
    options = parser.parse_args(argv)
    begun = time.monotonic()
    total = Tally()
    work = [(b, tuple(options.kind), options.every) for b in batches(options.batches, options.after)]
    with multiprocessing.Pool(options.processes) as pool:
        for tally in pool.imap(_one, work):
            total.add(tally)
    violated, right = total.violated.total(), total.right.total()
    print(f"{len(work)} good batches, {total.mutants} mutants, {violated} violated")
    for kind in sorted(total.violated):
        print(f"  {kind:<14} {total.right[kind]:>5} of {total.violated[kind]:>5}")
    for (kind, sort), said in sorted(total.misses.items(), key=lambda item: -len(item[1])):
        print(f"missed: {kind}, said {sort}: {len(said)}")
        for text in said[: max(options.misses // max(len(total.misses), 1), 1)]:
            print(f"      {text}")
    if options.write is not None:
        options.write.write_text("\n\n".join(f"# {what}\n\n{text}" for what, text in total.texts) + "\n")
    share = right / violated if violated else 0.0
    print(f"the first cause named is the mutation's own in {share:.1%} ({right} of {violated})")
    print(f"took {time.monotonic() - begun:.0f} s")
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
