"""The reference system runs for real, and the shapes that ship with the package judge it.

One run of broker, four services and driver on SQLite; the tests look at what it left behind.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import verifier
from tests.examples.needs import needs_phase1
from verifier import Report, Verdict

needs_phase1()

from examples.phase1.driver import Refused  # noqa: E402  only where its extra is installed
from examples.phase1.statuses import Status  # noqa: E402
from examples.phase1.system import System  # noqa: E402

pytestmark = pytest.mark.integration
ROSTER = ["Anna Lund", "Erik Sandberg", "Maria Holm"]
EXACTLY_SURE = "Namn: Anna Lindqvist\n\nMin sommar."  # 0.70 like Anna Lund
NOT_SURE = "Namn: Anna Sandberg\n\nMin vinter."  # 0.69 like Erik Sandberg
SURE = "Namn: Maria Holm\n\nMin höst."


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run left behind."""

    guest: str
    regular: str
    timed_out: str
    early: int
    at_23_hours: str
    class_id: str
    associations: dict[str, dict[str, Any]]
    report: Report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A guest's batch, a teacher's, and one that nobody confirms, all in one system."""
    return asyncio.run(asyncio.wait_for(three_batches(tmp_path_factory.mktemp("phase1")), timeout=120))


async def three_batches(folder: Path) -> Run:
    """Runs them and judges what was seen."""
    async with System(folder=folder, spans=folder / "spans") as system:
        driver = system.driver
        guest = await driver.register(2, "ENG6")
        await driver.upload(guest, [SURE, NOT_SURE])
        await driver.wait_for_status(guest, Status.READY)
        class_id = await driver.create_class("SV1", ROSTER)
        regular = await driver.register(2, "SV1", class_id=class_id)
        await driver.upload(regular, [SURE, NOT_SURE])
        await driver.wait_for_suggestions(regular)
        with pytest.raises(Refused) as refused:
            await driver.start_pipeline(regular)
        await driver.confirm(regular)
        await driver.wait_for_status(regular, Status.READY)
        timed_out = await driver.register(3, "SV2", class_id=class_id)
        await driver.upload(timed_out, [EXACTLY_SURE, NOT_SURE, "Zzz\n\n"])
        await driver.wait_for_suggestions(timed_out)
        await system.advance(timedelta(hours=23))
        at_23_hours = await driver.status(timed_out)
        await system.advance(timedelta(hours=1))
        await driver.wait_for_status(timed_out, Status.READY)
        for batch_id in (guest, regular, timed_out):
            await driver.start_pipeline(batch_id)
        associations = await driver.suggestions(timed_out)
        await system.flush()
        records = await system.records()
    shapes = [verifier.load_shape(name) for name in ("phase1-regular", "phase1-guest", "phase1-classes")]
    return Run(
        guest=guest,
        regular=regular,
        timed_out=timed_out,
        early=refused.value.status,
        at_23_hours=at_23_hours,
        class_id=class_id,
        associations={a["essay_id"]: a for a in associations},
        report=verifier.check(shapes, spans=folder / "spans", records=records),
    )


@pytest.mark.parametrize("batch", ["guest", "regular", "timed_out"])
def test_every_batch_is_satisfied(run: Run, batch: str) -> None:
    """Each batch, judged by the shape of its class type."""
    flow = run.report.flow(getattr(run, batch))
    assert flow.verdict is Verdict.SATISFIED, flow.explain()


def test_nothing_at_all_is_found(run: Run) -> None:
    """No rule of the run raises anything either, nothing is lost, and each shape found its steps."""
    assert run.report.verdict is Verdict.SATISFIED
    assert [loss for source in run.report.sources for loss in source.losses] == []
    assert run.report.unmatched_steps == ()


def test_pipeline_is_refused_until_ready(run: Run) -> None:
    """An early pipeline call gets 409."""
    assert run.early == 409


def test_nothing_happens_before_24_hours(run: Run) -> None:
    """At 23 hours the monitor has run 23 times and left the batch alone."""
    assert run.at_23_hours == Status.AWAITING_STUDENTS


def test_confidence_decides_who_stays(run: Run) -> None:
    """0.70 keeps the student; 0.69 and no suggestion at all go to the same UNKNOWN student."""
    by_confidence = {a["confidence_score"]: a["student_id"] for a in run.associations.values()}
    assert set(by_confidence) == {0.7, 0.69, None}
    assert by_confidence[0.69] == by_confidence[None] != by_confidence[0.7]
    assert {a["validated_by"] for a in run.associations.values()} == {"SYSTEM_TIMEOUT"}
