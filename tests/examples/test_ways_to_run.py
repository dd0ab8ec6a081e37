"""The reference system in its other ways: spans by OTLP, with the library's spans, through outages and crashes."""

import asyncio
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

import verifier
from tests.examples.needs import needs_phase1
from verifier import Report, Verdict

needs_phase1()

from aiohttp import web  # noqa: E402  only where its extra is installed
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: E402

from examples.phase1 import topics  # noqa: E402
from examples.phase1.faults import TELEMETRY, Misreport  # noqa: E402
from examples.phase1.scenarios import ROSTER, SURE, UNSURE, guest, teacher  # noqa: E402
from examples.phase1.statuses import Status  # noqa: E402
from examples.phase1.system import System  # noqa: E402

pytestmark = pytest.mark.integration
SHAPES = ("phase1-regular", "phase1-guest", "phase1-decisions")


def judged(folder: Path, records: Path, shapes: Sequence[str] = SHAPES) -> Report:
    """What the verifier says of all that is in the folder, a day later."""
    shapes = [verifier.load_shape(name) for name in shapes]
    return verifier.check(shapes, spans=folder / "spans", records=records, at="+26h")


def test_library_spans_confuse_no_shape(tmp_path: Path) -> None:
    """With opentelemetry-instrumentation-aiokafka beside our spans every verdict is the same."""

    async def story() -> Report:
        async with System(folder=tmp_path, spans=tmp_path / "spans", library_spans=True) as system:
            await guest(system)
            await teacher(system)
            await system.flush()
            return judged(tmp_path, await system.records())

    report = asyncio.run(asyncio.wait_for(story(), timeout=60))
    assert report.verdict is Verdict.SATISFIED, [flow.explain() for flow in report.flows]
    assert report.totals["flows"] == 2
    names = "".join(path.read_text() for path in (tmp_path / "spans").iterdir())
    assert f"{topics.READY} receive" in names
    assert f"{topics.READY} send" in names


def test_a_broker_is_judged_as_its_records_file_is(tmp_path: Path) -> None:
    """The same batches by the same shapes: every rule says the same."""

    async def story() -> tuple[Report, Report]:
        async with System(folder=tmp_path, spans=tmp_path / "spans") as system:
            batches = [*await guest(system), *await teacher(system)]
            await system.flush()
            shapes = [verifier.load_shape(name) for name in SHAPES]
            one, other = (
                verifier.check(shapes, spans=tmp_path / "spans", records=records, flows=batches)
                for records in (str(await system.records()), f"kafka://{system.bootstrap}/huleedu.*")
            )
            return one, other

    by_file, by_broker = asyncio.run(asyncio.wait_for(story(), timeout=60))
    assert by_file.verdict is by_broker.verdict is Verdict.SATISFIED
    assert [(f.shape, f.key, f.assertions) for f in by_broker.flows] == [
        (f.shape, f.key, f.assertions) for f in by_file.flows
    ]


def test_every_kind_of_duplicate_is_harmless(tmp_path: Path) -> None:
    """Each message once more, byte for byte and under a new event_id: batches stay satisfied."""

    async def story() -> Report:
        async with System(folder=tmp_path, spans=tmp_path / "spans") as system:
            for topic in topics.ALL:
                for as_new in (False, True):
                    (batch_id,) = await teacher(system)
                    assert await system.again(topic, batch_id, as_new=as_new) == (2 if topic == topics.CONTENT else 1)
            await system.flush()
            return judged(tmp_path, await system.records())

    report = asyncio.run(asyncio.wait_for(story(), timeout=60))
    assert report.verdict is Verdict.SATISFIED, [flow.explain() for flow in report.violated]
    assert report.totals["flows"] == 2 * len(topics.ALL)


def test_nothing_is_lost_in_an_outage(tmp_path: Path) -> None:
    """What is registered and uploaded while the broker is away comes through when it is back."""

    async def story() -> Report:
        async with System(folder=tmp_path, spans=tmp_path / "spans", kafka=None) as system:
            class_id = await system.driver.create_class("SV1", ROSTER)
            await system.broker("down")
            batch_id = await system.driver.register(2, "SV1", class_id=class_id)
            uploading = asyncio.create_task(system.driver.upload(batch_id, [SURE, UNSURE]))
            await asyncio.sleep(2)  # an outage lasts
            assert await system.driver.status(batch_id) == Status.AWAITING_CONTENT
            await system.broker("up")
            await uploading
            await system.driver.wait_for_suggestions(batch_id, deadline_s=40)
            await system.driver.confirm(batch_id)
            await system.driver.wait_for_status(batch_id, Status.READY)
            await system.flush()
            return judged(tmp_path, await system.records())

    report = asyncio.run(asyncio.wait_for(story(), timeout=90))
    assert report.verdict is Verdict.SATISFIED, [flow.explain() for flow in report.flows]


def test_a_killed_service_comes_back_and_goes_on(tmp_path: Path) -> None:
    """What came while it was away is handled when it is back; each effect once."""

    async def story() -> Report:
        async with System(folder=tmp_path, spans=tmp_path / "spans") as system:
            class_id = await system.driver.create_class("SV1", ROSTER)
            await system.kill("els")
            batch_id = await system.driver.register(2, "SV1", class_id=class_id)
            await system.driver.upload(batch_id, [SURE, UNSURE])
            await system.start("els")
            await system.driver.wait_for_suggestions(batch_id)
            await system.kill("cms")
            await system.start("cms")
            await system.driver.confirm(batch_id)
            await system.driver.wait_for_status(batch_id, Status.READY)
            await system.flush()
            return judged(tmp_path, await system.records())

    report = asyncio.run(asyncio.wait_for(story(), timeout=90))
    # A killed process may have taken spans with it: what rests on their absence is open, nothing else is.
    assert report.violated == ()


def test_troubles_of_a_store_are_got_through(tmp_path: Path) -> None:
    """Slow commits lose no race; failed ones are tried again, and leave nothing behind but the error."""
    batches: dict[str, tuple[str, str]] = {}

    async def story() -> Report:
        async with System(folder=tmp_path, spans=tmp_path / "spans", faults=True) as system:
            for service in ("bos", "els", "cms", "nlp"):
                for trouble in ("slow_store", "failing_store"):
                    await system.fault(service, trouble)
                    batch_id = await patiently(system)
                    await system.fault(service, None)
                    batches[batch_id] = (service, trouble)
            await system.flush()
            return judged(tmp_path, await system.records())

    report = asyncio.run(asyncio.wait_for(story(), timeout=120))
    raised = {batches[f.key]: [a.id for a in f.assertions if a.verdict is Verdict.VIOLATED] for f in report.violated}
    assert raised == {about: ["no_errors-1"] for about in batches.values() if about[1] == "failing_store"}


async def patiently(system: System) -> str:
    """A teacher's batch, to its end, however long that takes."""
    class_id = await system.driver.create_class("SV1", ROSTER)
    batch_id = await system.driver.register(2, "SV1", class_id=class_id)
    await system.driver.upload(batch_id, [SURE, UNSURE])
    await system.driver.wait_for_suggestions(batch_id)
    await system.driver.confirm(batch_id)
    await system.driver.wait_for_status(batch_id, Status.READY)
    return batch_id


def test_faults_of_telemetry_are_no_faults_of_the_business(tmp_path: Path) -> None:
    """Where spans are missing, what rests on them is open: never violated, but for one known gap. Another shape tells.

    A last span that never ends leaves no sign (nothing has it as its parent): with `complete` as the premise it is
    taken for one that was never begun.
    """
    batches: dict[str, Misreport] = {}

    async def story() -> Report:
        async with System(folder=tmp_path, spans=tmp_path / "spans", faults=True) as system:
            for one in TELEMETRY:
                await system.fault(one.service, one.name)
                (batch_id,) = await teacher(system)
                assert await system.driver.status(batch_id) == Status.READY
                batches[batch_id] = one
                await system.fault(one.service, None)
            await system.flush()
            return judged(tmp_path, await system.records(), (*SHAPES, "phase1-telemetry"))

    report = asyncio.run(asyncio.wait_for(story(), timeout=120))
    about = {f.key: f for f in report.flows if f.shape == "phase1-telemetry"}
    said = {}
    for key, one in batches.items():
        rules = {f"{about[key].shape}:{a.id}": str(a.verdict) for a in about[key].assertions}
        said[one.name] = str(about[key].verdict) if one.told_by is None else rules[one.told_by]
    assert said == {one.name: one.verdict for one in TELEMETRY}
    business = [f for f in report.flows if f.shape != "phase1-telemetry"]
    wrong = {batches[f.key].name if f.key in batches else f.key for f in business if f.verdict is Verdict.VIOLATED}
    assert wrong == {"ready_never_ends"}
    verdicts = {batches[f.key].name: f.verdict for f in business if f.key in batches and f.shape == "phase1-regular"}
    lacking = ("els_stops_reporting", "publish_never_ends", "bos_loses_answers")
    assert {verdicts[name] for name in lacking} == {Verdict.INCONCLUSIVE}
    for one in TELEMETRY:
        if one.told_by is None or one.name == "relay_loses_the_context":
            assert verdicts[one.name] is Verdict.SATISFIED, one.name


def test_spans_arrive_by_otlp(tmp_path: Path) -> None:
    """An OTLP endpoint gets the spans of all five services, the last ones at the flush."""
    seen: set[str] = set()

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        asked = ExportTraceServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        for resource in asked.resource_spans:
            named = {a.key: a.value.string_value for a in resource.resource.attributes}
            seen.update(f"{named['service.name']} {s.name}" for scope in resource.scope_spans for s in scope.spans)
        return web.Response(content_type="application/x-protobuf")

    async def story() -> None:
        app = web.Application()
        app.add_routes([web.post("/v1/traces", receive)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with System(folder=tmp_path, otlp=f"http://127.0.0.1:{runner.addresses[0][1]}") as system:
                await teacher(system)
                await system.flush()
                assert "batch_orchestrator_service POST /v1/batches/register" in seen
                assert f"essay_lifecycle_service kafka.publish.{topics.READY}" in seen
                assert {name.partition(" ")[0] for name in seen} >= {"file_service", "nlp_service"}
        finally:
            await runner.cleanup()

    asyncio.run(asyncio.wait_for(story(), timeout=60))
