"""Each fault of the reference system is caught by the rule that its row names; without one, nothing is raised.

One system; every scenario on it as it is, then one fault after the other, each with batches of its own. It is judged
once, as of a day after the end: what is missing then is missing for good.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import verifier
from tests.examples.needs import needs_phase1
from tests.examples.shapes_page import PAGE, SHAPES, cells, reference
from verifier import Report, Verdict

needs_phase1()

from examples.phase1.faults import FAULTS  # noqa: E402  only where its extra is installed
from examples.phase1.scenarios import SCENARIOS  # noqa: E402
from examples.phase1.system import Setup, System  # noqa: E402
from tests.examples import faults_page  # noqa: E402
from tests.examples.outside import Left, Watched  # noqa: E402

pytestmark = pytest.mark.integration
BY_HAND = {
    "again": {"phase1-telemetry:publisher_tells"},
    "early ready": {"phase1-telemetry:publisher_tells", "phase1-telemetry:handled_below_publish"},
}
"""What is truly raised without a fault: the messages that these scenarios slip in are sent without a span."""
SHOWN_BY = (
    ("hop 5 before the last text", "complete before the last text"),
    ("confirmed at", "hours to the confirmation"),
    ("an association", "associations"),
    ("no association", "associations"),
    ("ready before", "status"),
    ("status", "status"),
    ("stuck", "status"),
    ("202", "status"),
    ("never confirmed", "status"),
    ("essay_states", "essays"),
    ("tracker", "tracker"),
    ("students row", "UNKNOWN students of the class"),
    ("record", "records"),
    ("associations of hop 10", "records"),
)
"""Words of what a row says that it changes outside telemetry, and where in what was left behind that is looked for."""
FINE = (Verdict.SATISFIED, Verdict.VACUOUS, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The batches of each scenario and of each fault, and what the verifier says of all.

    `left`: what scenarios and faults left behind outside telemetry, `left_again` each scenario a second time; nothing
    where the databases are no files.
    """

    clean: Mapping[str, list[str]]
    broken: Mapping[str, list[str]]
    report: Report
    left: Mapping[str, list[Left]]
    left_again: Mapping[str, list[Left]]

    def raised(self, batches: list[str]) -> dict[str, Verdict]:
        """Every rule that isn't satisfied with one of these batches, as shape:assertion."""
        found = {}
        for flow in self.report.flows:
            if flow.key in batches:
                found |= {f"{flow.shape}:{a.id}": a.verdict for a in flow.assertions if a.verdict not in FINE}
        for run in self.report.run_assertions:
            about = {e.flow for judged in run.rule.findings for e in judged.finding.evidence}
            if about & set(batches):
                found[f"{run.shape}:{run.rule.id}"] = run.rule.verdict
        return found


async def everything(folder: Path) -> Outcome:
    """Every scenario, then every fault; those that need days to pass last, for others would be confirmed meanwhile."""
    clean, again, broken = {}, {}, {}
    left: dict[str, list[Left]] = {}
    left_again: dict[str, list[Left]] = {}
    patience = timedelta(seconds=0.5)
    files = Setup(folder=folder).database is None
    sort = Watched if files else System
    async with sort(folder=folder, spans=folder / "spans", faults=True, patience=patience) as system:
        for name, scenario in SCENARIOS.items():
            clean[name] = await scenario(system)
        for name, scenario in SCENARIOS.items() if files else ():
            again[name] = await scenario(system)
        for fault in sorted(FAULTS, key=lambda f: "timeout" in f.scenario):
            await system.fault(fault.service, fault.name)
            broken[fault.name] = await SCENARIOS[fault.scenario](system)
            await system.fault(fault.service, None)
        await system.flush()
        records = await system.records()
        if isinstance(system, Watched):
            left = {name: system.left_behind(ids, records) for name, ids in (*clean.items(), *broken.items())}
            left_again = {name: system.left_behind(ids, records) for name, ids in again.items()}
    shapes = [verifier.load_shape(name) for name in SHAPES]
    report = verifier.check(shapes, spans=folder / "spans", records=records, at="+26h")
    return Outcome(clean=clean, broken=broken, report=report, left=left, left_again=left_again)


def unconfirmed(outcome: Outcome) -> list[str]:
    """The faults that changed nothing outside telemetry where their rows say so."""
    out = []
    for fault in FAULTS:
        place = next(place for words, place in SHOWN_BY if words in fault.changes)
        both = zip(outcome.left[fault.scenario], outcome.left[fault.name], strict=True)
        if all(fine[place] == broken[place] for fine, broken in both):
            out.append(f"{fault.name}: {fault.changes} ({place})")
    return out


def test_each_fault_is_caught_and_nothing_is_raised_without_one(tmp_path: Path) -> None:
    """One test, for it is one run: parallel workers would each make their own."""
    outcome = asyncio.run(asyncio.wait_for(everything(tmp_path), timeout=600))
    raised_clean = {name: set(raised) for name, ids in outcome.clean.items() if (raised := outcome.raised(ids))}
    assert raised_clean == BY_HAND
    said = {name: cells(outcome.report, ids) for name, ids in outcome.clean.items()}
    assert reference(said) in PAGE.read_text(encoding="utf-8"), "python -m tests.examples.shapes_page writes it anew"
    raised_by = {fault: outcome.raised(outcome.broken[fault.name]) for fault in FAULTS}
    missed = {f.name: raised for f, raised in raised_by.items() if raised.get(f.caught_by) is not Verdict.VIOLATED}
    assert missed == {}, "each name with what was raised instead of the rule that its row names"
    assert len(FAULTS) >= 60
    if outcome.left:  # databases that are files
        assert outcome.left_again == {name: outcome.left[name] for name in SCENARIOS}, "two clean runs leave the same"
        assert unconfirmed(outcome) == []


def test_the_page_of_faults_is_the_table() -> None:
    """`python -m tests.examples.faults_page` writes it anew."""
    assert faults_page.PAGE.read_text(encoding="utf-8") == faults_page.made()
