"""The loss matrix: every single mutation of every recorded batch whose truth is known, and what is said of it then.

In: tests/data/huleedu. Out: a table, the page docs/explanation/loss-matrix.md, exit code 1 if any verdict is wrong:

    python -m tests.laws.loss_matrix [--processes 2] [--only CAPTURE] [--kind KIND]... [--every N]

Wrong is, for a mutation that binds (`Mutation.binds`): a good batch violated, a bad one satisfied, or a rule that
turned from one to the other; and for every mutation: what is final although evidence may be lost, and the opposite
if none is. Each batch is judged in the company of another one of its capture, through `run.check`.
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from verifier import load_shape, mutate
from verifier.engine.plan import names_of
from verifier.flows import Flow, Row, gather
from verifier.mutate import Mutation, applied
from verifier.mutate.asked import names_asked, names_tied
from verifier.run import Evidence, check, read
from verifier.shape import Shape
from verifier.spans import Reading, Value
from verifier.verdict import Report

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "huleedu"
PAGE = ROOT / "docs" / "explanation" / "loss-matrix.md"
PREMISES = ("complete", "lossy")
FINAL = ("satisfied", "violated")
SECOND = 10**9
PUBLISHERS = {  # what records call a service -> what its spans call it
    "batch-service": "batch_orchestrator_service",
    "essay-lifecycle-service": "essay_lifecycle_service",
    "file-service": "file_service",
    "nlp-service": "nlp_service",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A capture with how it is judged, and the batches whose truth is known so: `bad` of them, else good."""

    capture: str
    good: int
    bad: int = 0
    params: tuple[tuple[str, str], ...] = ()
    at: str = "end"


AGED = (("auto_confirm_after", "0s"),)  # that recording aged rows in a database, not the clock
CASES = (
    Case(capture="regular", good=8),
    Case(capture="guest", good=4),
    Case(capture="course_mismatch", good=1, bad=2),
    Case(capture="duplicates", good=1, bad=1),
    Case(capture="els_db_outage", good=0, bad=1),
    Case(capture="enriched/regular", good=8),
    Case(capture="enriched/guest", good=4),
    Case(capture="enriched/course_mismatch", good=1, bad=2),
    Case(capture="enriched/timeout_monitor", good=5, params=AGED),
    Case(capture="enriched/timeout_monitor", good=5, bad=2, params=AGED, at="+26h"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch of a case, and whether it went right."""

    case: Case
    key: str
    good: bool
    records: bool

    def __str__(self) -> str:
        return f"{self.case.capture} {self.key[:8]} {'with' if self.records else 'without'} records"


@dataclass(slots=True, kw_only=True)
class Cell:
    """What was said of all mutants of one kind under one premise."""

    mutants: int = 0
    decided: int = 0
    rules: int = 0
    rules_decided: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Cell") -> None:
        """Takes another cell's counts in."""
        self.mutants += other.mutants
        self.decided += other.decided
        self.rules += other.rules
        self.rules_decided += other.rules_decided
        self.wrong += other.wrong


Place = tuple[str, str, bool, bool]  # kind of mutation, premise, good batch?, with records?
Matrix = dict[Place, Cell]


def shapes() -> tuple[Shape, ...]:
    """The shipped shapes of the recorded batches."""
    return (load_shape("phase1-regular"), load_shape("phase1-guest"))


_shapes = cache(shapes)


@cache
def _evidence(capture: str) -> Evidence:
    return read(DATA / f"{capture}.otlp.jsonl", DATA / f"{capture}.events.jsonl")


@cache
def _company(capture: str, key: str) -> Evidence:
    """The rows of one batch, of the next one, and every stray that shares a trace with either: as a run has them."""
    evidence, flows = _evidence(capture), _flows(capture)
    keys = [key, *(k for k in (*flows, *flows) if k > key), *flows]
    rows = {m.row.id: m.row for k in keys[:2] for m in (*flows[k].members, *flows[k].shared)}
    mine = {m.row.id for f in flows.values() for m in (*f.members, *f.shared)}
    traces = {t for k in keys[:2] for t in flows[k].traces}
    spans = tuple(s for s in evidence.spans if s.id in rows or (s.id not in mine and s.trace_id in traces))
    return replace(evidence, spans=spans, records=tuple(r for r in evidence.records if r.id in rows))


@cache
def _flows(capture: str) -> Mapping[str, Flow]:
    evidence, shape = _evidence(capture), _shapes()[0]
    return gather(evidence.spans, evidence.records, correlation=shape.flow, attributes=names_of(shape)).flows


def batches(cases: Sequence[Case] = CASES) -> Iterator[Batch]:
    """Every batch whose truth is known, with and without its records."""
    for case in cases:
        whole = _judged(case, None, records=True, premise="complete")
        verdicts = {f.key: str(f.verdict) for f in whole.flows if f.verdict is not None}
        count = Counter(verdicts.values())
        assert (count["satisfied"], count["violated"]) == (case.good, case.bad), f"{case.capture}: {count}"
        for key, verdict in sorted(verdicts.items()):
            for records in (True, False) if verdict in FINAL else ():
                yield Batch(case=case, key=key, good=verdict == "satisfied", records=records)


def _judged(
    case: Case,
    mutation: Mutation | None,
    *,
    records: bool,
    premise: str,
    key: str | None = None,
    explained: int = 0,
) -> Report:
    evidence = _evidence(case.capture) if key is None else _company(case.capture, key)
    spans, published = evidence.spans, evidence.records
    losses = evidence.losses
    if mutation is not None:
        spans, published = applied(mutation, spans, published)
        losses = (*losses, *mutation.losses)
    return check(
        _shapes(),
        spans=Reading(url="spans", spans=spans, losses=losses),
        records=Reading(url="records", records=published) if records else (),
        flows=[key] if key is not None else [],
        assume=premise,
        at=case.at,
        params=dict(case.params),
        max_explained=explained,  # 0: verdicts alone count here
    )


# ---- mutations


def mutations(batch: Batch) -> Iterator[Mutation]:
    """Every single mutation of a batch. Values only under names that the shapes or the gathering read."""
    evidence, flow = _company(batch.case.capture, batch.key), _flows(batch.case.capture)[batch.key]
    rows: list[Row] = [m.row for m in (*flow.members, *flow.shared)]
    every: list[Row] = [*evidence.spans, *evidence.records]
    names = frozenset.union(names_tied(), *(names_asked(s) for s in _shapes()))
    for make in (mutate.drop_span, mutate.drop_record, mutate.drop_event, mutate.drop_event_said):
        yield from make(rows)
    yield from mutate.drop_attribute_said(rows, names)
    for make in (mutate.drop_service, mutate.drop_topic):
        yield from make(every)
    if batch.case.at == "end":  # who looks 26 h later sees that nothing came
        yield from mutate.stop_early(rows, every=every)
    yield from mutate.truncate(rows, every=every)
    for make in (mutate.repeat, mutate.redeliver, mutate.publish_again, mutate.handle_again):
        yield from make(rows)
    for delays in (mutate.delay_alone, mutate.delay, mutate.delay_rest):
        yield from delays(rows, 600 * SECOND)
    yield from mutate.all_later(every)
    yield from mutate.swap(rows)
    for by in (4_000_000, -4_000_000, SECOND, -SECOND, 7200 * SECOND, -7200 * SECOND):
        yield from mutate.shift_clock(every, by, publishers=PUBLISHERS)
    seen = mutate.pool(every, names)
    yield from mutate.change_value(rows, names, seen)
    yield from mutate.remove_value(rows, names)
    for make in (mutate.fail, mutate.orphan, mutate.new_root):
        yield from make(rows)
    yield from mutate.mix_ids(rows, _ids_of_another(batch))


def _ids_of_another(batch: Batch) -> Mapping[str, Value]:
    others = [f for key, f in sorted(_flows(batch.case.capture).items()) if key != batch.key]
    if not others:
        return {}
    other = others[0]
    alias = next(iter(other.aliases.get("correlation_id", ())), other.key)
    return {"batch_id": other.key, "data.batch_id": other.key, "data.entity_id": other.key, "correlation_id": alias}


# ---- the matrix of one batch


def matrix_of(
    batch: Batch, kinds: Sequence[str] = (), every: int = 1, made: Iterable[Mutation] | None = None
) -> Matrix:
    """All mutants of one batch (or those `made`) under all premises; `every` n-th of each kind only."""
    out: Matrix = defaultdict(Cell)
    before = _rules(_judged(batch.case, None, records=True, premise="complete", key=batch.key), batch.key)
    seen: Counter[str] = Counter()
    for mutation in mutations(batch) if made is None else made:
        about_records = all(len(row_id) == 3 for row_id in mutation.touched)
        if (kinds and mutation.kind not in kinds) or (about_records and not batch.records):
            continue
        seen[mutation.kind] += 1
        if (seen[mutation.kind] - 1) % every:
            continue
        finals: dict[str, str] = {}
        for premise in PREMISES:
            cell = out[mutation.kind, premise, batch.good, batch.records]
            report = _judged(batch.case, mutation, records=batch.records, premise=premise, key=batch.key)
            verdict, rules = _verdict(report, batch.key), _rules(report, batch.key)
            finals[premise] = verdict
            cell.mutants += 1
            cell.decided += verdict in FINAL
            cell.rules += sum(v != "vacuous" for v in rules.values())
            cell.rules_decided += sum(v in FINAL for v in rules.values())
            if mutation.binds(premise, good=batch.good):
                cell.wrong += [
                    f"{batch}, {premise}: {mutation.what}: {rule} {was} -> {now}"
                    for rule, was, now in _turned(batch, before, verdict, rules)
                ]
        if {finals["complete"], finals["lossy"]} == set(FINAL):
            out[mutation.kind, "lossy", batch.good, batch.records].wrong.append(f"{batch}: {mutation.what}: {finals}")
    return dict(out)


def _verdict(report: Report, key: str) -> str:
    found = [f for f in report.flows if f.key == key and f.verdict is not None]
    return str(report.flow(key).verdict) if found else "none"


def _rules(report: Report, key: str) -> dict[str, str]:
    return {f"{f.shape}:{r.id}": str(r.verdict) for f in report.flows if f.key == key for r in f.assertions}


def _turned(
    batch: Batch, before: Mapping[str, str], verdict: str, rules: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """What turned over: (flow or rule, verdict before, verdict now)."""
    truth = "satisfied" if batch.good else "violated"
    if {truth, verdict} == set(FINAL):
        yield "the batch", truth, verdict
    for rule, now in rules.items():
        was = before.get(rule, "")
        if {was, now} == set(FINAL):
            yield rule, was, now


def _job(job: tuple[Batch, tuple[str, ...], int]) -> Matrix:
    return matrix_of(*job)


def main(argv: Sequence[str]) -> int:
    """Runs the matrix, prints it, writes the page."""
    ap = argparse.ArgumentParser(prog="python -m tests.laws.loss_matrix")
    ap.add_argument("--processes", type=int, default=2)
    ap.add_argument("--only", help="captures whose name contains this")
    ap.add_argument("--kind", action="append", default=[])
    ap.add_argument("--every", type=int, default=1, help="every n-th mutation of each kind only")
    ap.add_argument("--no-page", action="store_true")
    options = ap.parse_args(argv)
    jobs = [b for b in batches() if not options.only or options.only in b.case.capture]
    begun, total = time.monotonic(), defaultdict[Place, Cell](Cell)
    with multiprocessing.Pool(options.processes) as workers:
        for n, part in enumerate(
            workers.imap_unordered(_job, [(b, tuple(options.kind), options.every) for b in jobs]), 1
        ):
            for place, cell in part.items():
                total[place].add(cell)
                for text in cell.wrong:
                    print(f"\r{place[0]}: {text}", file=sys.stderr)
            print(
                f"\r{n} of {len(jobs)} batches, {time.monotonic() - begun:.0f} s", end="", file=sys.stderr, flush=True
            )
    print(file=sys.stderr)
    lines = table(total)
    print("\n".join(lines))
    wrong = [text for _, cell in sorted(total.items()) for text in cell.wrong]
    print("\n".join(wrong[:60]))
    print(f"{sum(c.mutants for c in total.values())} judged, {len(wrong)} wrong, {time.monotonic() - begun:.0f} s")
    if not options.no_page and not options.only and not options.kind and not wrong:
        from tests.laws.loss_page import page

        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(total, every=options.every))
    return 1 if wrong else 0


def table(total: Mapping[Place, Cell]) -> list[str]:
    """One line for each kind of mutation and premise."""
    head = ("mutation", "premise", "batches", "records", "mutants", "decided", "rules", "wrong")
    out = ["{:20} {:9} {:8} {:8} {:>8} {:>8} {:>7} {:>6}".format(*head)]
    for (kind, premise, good, records), cell in sorted(total.items()):
        share = f"{100 * cell.decided / cell.mutants:.0f} %"
        rules = f"{100 * cell.rules_decided / max(cell.rules, 1):.0f} %"
        out.append(
            f"{kind:20} {premise:9} {'good' if good else 'bad':8} {'with' if records else 'without':8} "
            f"{cell.mutants:8} {share:>8} {rules:>7} {len(cell.wrong):6}"
        )
    return out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
