"""The page of the Phase 1 shapes: docs/explanation/phase1-shapes.md.

In: the recorded real batches, and the scenarios of the reference system. Out: Markdown: what each shape says of each,
and what the real services must still tell. `python -m tests.examples.shapes_page` writes it; tests compare it.
"""

import asyncio
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import verifier
from verifier import Report, Verdict
from verifier.spans import Record

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "phase1-shapes.md"
DATA = ROOT / "tests" / "data" / "huleedu"
SHAPES = ("phase1-regular", "phase1-guest", "phase1-decisions", "phase1-classes", "phase1-telemetry")
CAPTURES = {
    "regular": "eight batches, all complete",
    "guest": "four batches, all complete",
    "course_mismatch": "in two of three the class's code comes in",
    "duplicates": "one re-published and wrong, one redelivered and right",
    "els_db_outage": "ELS lost its database, and the confirmation",
    "enriched/regular": "as above, more is told",
    "enriched/guest": "as above, more is told",
    "enriched/course_mismatch": "as above, more is told",
    "enriched/timeout_monitor": "five confirmed by the monitor, two not yet",
}
TOLD = "phase1-telemetry"
OF_BATCHES = tuple(shape for shape in SHAPES if shape != "phase1-classes")
Said = Mapping[str, str]


def of_capture(name: str, shapes: Sequence[str] = SHAPES, *, at: str = "end") -> Report:
    """What the shapes say of a recording, as of its end if nothing else is said."""
    return verifier.check(
        [verifier.load_shape(shape) for shape in shapes],
        spans=DATA / f"{name}.otlp.jsonl",
        records=DATA / f"{name}.events.jsonl",
        params={"auto_confirm_after": "0s"} if "timeout" in name else {},
        at=at,
    )


def cells(report: Report, flows: Iterable[str] | None = None) -> Said:
    """shape -> `8 satisfied`, `2 violated, 1 satisfied`, or `–` where it judged none of these flows.

    A shape of rules of the run, over all flows: how many of its rules.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    wanted = None if flows is None else set(flows)
    for flow in report.flows:
        if wanted is None or flow.key in wanted:
            counts[flow.shape][str(flow.verdict)] += 1
    for run in report.run_assertions if wanted is None else ():
        if run.shape not in OF_BATCHES:
            counts[run.shape][str(run.rule.verdict)] += 1
    order = [str(verdict) for verdict in (Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.PENDING, Verdict.SATISFIED)]
    return {
        shape: ", ".join(f"{counts[shape][word]} {word}" for word in (*order, "vacuous") if counts[shape][word]) or "–"
        for shape in SHAPES
    }


def row(name: str, said: Said, shapes: Sequence[str] = SHAPES) -> str:
    """A row of the table."""
    return f"| {name} | " + " | ".join(said[shape] for shape in shapes) + " |"


def to_do(capture: str) -> list[str]:
    """What the services of a recording must still tell, when nothing is awaited any more.

    A row for each rule and place, with how many batches lack it.
    """
    lacking: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for flow in of_capture(capture, [TOLD], at="+1h").flows:
        for rule in flow.assertions:
            for judged in rule.findings:
                if judged.verdict is Verdict.VIOLATED:
                    about = judged.finding.evidence[0].of.row
                    name = about.topic if isinstance(about, Record) else about.name
                    lacking[rule.id, about.service, name].add(flow.key)
    return [
        f"| `{rule}` | {service} | `{name}` | {len(batches)} |"
        for (rule, service, name), batches in sorted(lacking.items())
    ]


def recorded() -> str:
    """The part of the page that is made from recordings."""
    reports = {name: of_capture(name) for name in CAPTURES}
    lines = ["## Recorded real batches", "", *_head("recording")]
    lines += [row(f"{name}: {what}", cells(reports[name])) for name, what in CAPTURES.items()]
    for name, title in (("regular", "as they are"), ("enriched/regular", "enriched")):
        lines += ["", f"## What to instrument: the real services {title}", ""]
        lines += ["| rule | service | span or message | batches |", "| --- | --- | --- | --- |", *to_do(name)]
    return "\n".join(lines) + "\n"


def reference(said: Mapping[str, Said]) -> str:
    """The part that is made by running the reference system: scenario -> what the shapes say."""
    lines = ["## The reference system", "", *_head("scenario", OF_BATCHES)]
    return "\n".join([*lines, *(row(name, cells, OF_BATCHES) for name, cells in said.items())]) + "\n"


def _head(first: str, shapes: Sequence[str] = SHAPES) -> list[str]:
    return [f"| {first} | " + " | ".join(shapes) + " |", "| --- |" + " --- |" * len(shapes)]


async def scenarios(folder: Path) -> Mapping[str, Said]:
    """Runs every scenario on the system as it is; what the shapes say of its batches, as of 26 hours later."""
    from examples.phase1.scenarios import SCENARIOS
    from examples.phase1.system import System

    batches = {}
    async with System(folder=folder, spans=folder / "spans") as system:
        for name, scenario in SCENARIOS.items():
            batches[name] = await scenario(system)
        await system.flush()
        records = await system.records()
    shapes = [verifier.load_shape(shape) for shape in SHAPES]
    report = verifier.check(shapes, spans=folder / "spans", records=records, at="+26h")
    return {name: cells(report, ids) for name, ids in batches.items()}


def main() -> int:
    """Writes the page anew."""
    text = PAGE.read_text(encoding="utf-8")
    head = text[: text.index("## Recorded real batches")]
    with tempfile.TemporaryDirectory(prefix="flow-verifier-page-") as folder:
        said = asyncio.run(scenarios(Path(folder)))
    PAGE.write_text(f"{head}{recorded()}\n{reference(said)}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
