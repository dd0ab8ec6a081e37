"""The page of instrumentation: docs/explanation/instrumentation.md.

In: the reference system, run with the library's spans, with its own, and with both. Out: Markdown: what can be judged
with each. `python -m tests.examples.ways_page` writes it; a test compares it.
"""

import asyncio
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import verifier
from verifier import Report
from verifier.shape import Shape
from verifier.specfile import loads
from verifier.verdict import FlowVerdict

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "instrumentation.md"
MADE = "<!-- What follows is made by python -m tests.examples.ways_page; don't edit -->\n"
SHAPES = ("phase1-regular", "phase1-guest")
WAYS = {"the library's alone": (False, True), "its own alone": (True, False), "both": (True, True)}
FAULTS = ("code_of_the_class", "ready_at_confirmation", "ready_lost")
PATIENCE = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What one way of instrumentation gave: the reports by the packaged shapes and by the page's, and the batches."""

    report: Report
    by_records: Report
    batches: Mapping[str, str]

    def of(self, name: str) -> FlowVerdict:
        """The verdict of a batch by the packaged shapes."""
        return self.report.flow(self.batches[name])


def records_only() -> Shape:
    """The shape that stands on the page."""
    found = re.search(r"^```yaml\n(shape: .*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return loads(found[1], file=str(PAGE))


async def run(folder: Path, *, own: bool, library: bool) -> Way:
    """Two good batches, and one of each fault."""
    from examples.phase1.faults import BY_NAME
    from examples.phase1.scenarios import SCENARIOS
    from examples.phase1.system import System

    batches = {}
    async with System(
        folder=folder,
        spans=folder / "spans",
        faults=True,
        patience=PATIENCE,
        own_spans=own,
        library_spans=library,
    ) as system:
        for name in ("guest", "teacher"):
            (batches[f"good: {name}"],) = await SCENARIOS[name](system)
        for name in FAULTS:
            fault = BY_NAME[name]
            await system.fault(fault.service, fault.name)
            (batches[f"{fault.wrong} (`{name}`)"],) = await SCENARIOS[fault.scenario](system)
            await system.fault(fault.service, None)
        await system.flush()
        records = await system.records()
    shapes = [verifier.load_shape(name) for name in SHAPES]
    report = verifier.check(shapes, spans=folder / "spans", records=records, at="+26h")
    by_records = verifier.check([records_only()], records=records, at="+26h")
    return Way(report=report, by_records=by_records, batches=batches)


def ways(folder: Path) -> Mapping[str, Way]:
    """Every way, one after the other."""
    return {
        name: asyncio.run(asyncio.wait_for(run(folder / str(n), own=own, library=library), timeout=120))
        for n, (name, (own, library)) in enumerate(WAYS.items())
    }


def made(found: Mapping[str, Way]) -> str:
    """The part of the page that is made."""
    first = next(iter(found.values()))
    lines = ["| batch | " + " | ".join(found) + " | records alone, by the shape above |"]
    lines.append("| --- |" + " --- |" * (len(found) + 1))
    for name, key in first.batches.items():
        cells = [said(way.of(name)) for way in found.values()]
        lines.append(f"| {name} | " + " | ".join([*cells, said(first.by_records.flow(key))]) + " |")
    lines += ["", "With the library's spans alone, the rules of `phase1-regular` say of a good batch:", ""]
    lines += ["| verdict | rules | why |", "| --- | --- | --- |"]
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for rule in first.of("good: teacher").assertions:
        why = next((j.reason for j in rule.findings if j.reason), "")
        grouped[str(rule.verdict), re.sub(r" \d{4}-\d\d-\d\dT[0-9:.]+Z", " …", why)].append(f"`{rule.id}`")
    lines += [f"| {verdict} | {', '.join(rules)} | {why} |" for (verdict, why), rules in grouped.items()]
    return "\n".join(lines) + "\n"


def said(flow: FlowVerdict) -> str:
    """`violated: leads_to-7`: the verdict, and which rules are violated."""
    broken = [rule.id for rule in flow.assertions if rule.verdict is verifier.Verdict.VIOLATED]
    return f"{flow.verdict}" + (f": {', '.join(broken)}" if broken else "")


def main() -> int:
    """Writes the page anew."""
    head = PAGE.read_text(encoding="utf-8").partition(MADE)[0]
    with tempfile.TemporaryDirectory(prefix="flow-verifier-page-") as folder:
        PAGE.write_text(f"{head}{MADE}\n{made(ways(Path(folder)))}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
