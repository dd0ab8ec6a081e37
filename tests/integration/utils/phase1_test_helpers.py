"""What the six families share: a running system, people who use it, and verdicts of what was seen.

In: a `System` and the fixture `traces`. Out: steps of a test in the words of the business, and assertions that the
verifier makes: that batches went right, or which rule says what is wrong.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from examples.phase1.driver import Refused
from examples.phase1.scenarios import ROSTER, SURE, UNSURE, Scenario
from examples.phase1.statuses import Status
from examples.phase1.system import System
from verifier import Report, Verdict, Violation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from verifier.live import Traces

SHAPES = ("phase1-regular", "phase1-guest", "phase1-decisions")
ACROSS = "phase1-classes"
FINE = (Verdict.SATISFIED, Verdict.VACUOUS, None)
CLASS_CODE = "ENG6"
BROKEN = os.environ.get("PHASE1_FAULT")
"""`service:fault`, switched on before each test begins: it must then fail (`tests.integration.broken`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestBatch:
    """A batch, and the correlation id of the request that registered it."""

    __test__ = False
    batch_id: str
    class_id: str | None
    correlation_id: str


class Phase1TestContext:
    """Phase 1, running: each method is a step of a test."""

    def __init__(self, system: System, traces: "Traces") -> None:
        self.system = system
        self.driver = system.driver
        self.traces = traces
        traces.on_flush(self._flush)
        traces.records(str(system.setup.folder / "records.jsonl"))

    # ---- people

    async def create_test_batch(
        self,
        batch_type: Literal["REGULAR", "GUEST"],
        course_code: str,
        *,
        texts: Sequence[str] = (SURE, UNSURE),
        class_id: str | None = None,
    ) -> TestBatch:
        """A batch is registered, and its files are uploaded; a REGULAR one is of a class (of a course of its own)."""
        if batch_type == "REGULAR" and class_id is None:
            class_id = await self.driver.create_class(CLASS_CODE, ROSTER)
        correlation_id = str(uuid4())
        batch_id = await self.driver.register(len(texts), course_code, class_id=class_id, correlation_id=correlation_id)
        await self.driver.upload(batch_id, texts)
        return TestBatch(batch_id=batch_id, class_id=class_id, correlation_id=correlation_id)

    async def confirm(self, *batches: TestBatch) -> None:
        """The teachers accept what was suggested, and the batches become ready; their pipelines are started."""
        for batch in batches:
            await self.wait_for_suggestions(batch.batch_id)
            await self.driver.confirm(batch.batch_id)
        await self.finish(*batches)

    async def finish(self, *batches: TestBatch) -> None:
        """The batches become ready, and their pipelines are started."""
        for batch in batches:
            await self.wait_for_state(batch.batch_id, Status.READY)
            await self.start_pipeline(batch.batch_id)

    async def wait_for_state(self, batch_id: str, expected_state: str) -> None:
        """Returns when the batch is there. In vain: Violation if a rule says why, else TimeoutError."""
        async with self._why(batch_id):
            await self.driver.wait_for_status(batch_id, Status(expected_state))

    async def one_is(self, batches: Sequence[TestBatch], expected_state: str) -> None:
        """Returns when one of the batches is there; TimeoutError if none comes."""
        waiting = [self.driver.wait_for_status(b.batch_id, Status(expected_state)) for b in batches]
        done, pending = await asyncio.wait(map(asyncio.ensure_future, waiting), return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*done)

    async def wait_for_suggestions(self, batch_id: str) -> None:
        """Returns when students are suggested for its essays; in vain as `wait_for_state`."""
        async with self._why(batch_id):
            await self.driver.wait_for_suggestions(batch_id)

    async def start_pipeline(self, batch_id: str) -> int:
        """The client asks for the pipeline; HTTP's status of the answer, 409 where it is refused."""
        try:
            await self.driver.start_pipeline(batch_id)
        except Refused as refused:
            return refused.status
        return 202

    async def advance_time(self, hours: float) -> None:
        """The business clock goes on, an hour at most at a time, with a cycle of the monitor after each."""
        await self.system.advance(timedelta(hours=hours))

    # ---- verdicts

    async def verify_event_chain(self, correlation_id: str) -> Report:
        """Every trace that the id leads to went as its shape says; Violation with the whole story else."""
        return await self.traces.averify(SHAPES, correlation_ids=(correlation_id,), deadline="30s")

    async def satisfied(self, *batches: TestBatch | str, across: bool = False) -> Report:
        """These batches went right; with `across` so did the run, by the rules that compare batches."""
        keys = [b if isinstance(b, str) else b.batch_id for b in batches]
        shapes = (*SHAPES, ACROSS) if across else SHAPES
        return await self.traces.averify(shapes, flow=keys, deadline="30s")

    async def caught(self, rule: str, service: str, fault: str, scenario: Scenario) -> None:
        """With a fault of a service switched on, the scenario is caught by the rule (`shape:assertion`)."""
        async with self.trouble(service, fault):
            batches = await scenario(self.system)
        raised = await self.raised(batches)
        assert raised.get(rule) is Verdict.VIOLATED, f"{fault}: raised {raised}, expected {rule}"

    async def raised(self, batches: Sequence[str]) -> dict[str, Verdict]:
        """Every rule that isn't satisfied with one of these batches, a day later, as `shape:assertion`."""
        await self._flush()
        report = self._judged()
        found: dict[str, Verdict] = {}
        for flow in report.flows:
            if flow.key in batches:
                found |= {f"{flow.shape}:{a.id}": a.verdict for a in flow.assertions if a.verdict not in FINE}
        for run in report.run_assertions:
            about = {e.flow for judged in run.rule.findings for e in judged.finding.evidence}
            if about & set(batches):
                found[f"{run.shape}:{run.rule.id}"] = run.rule.verdict
        return found

    async def recovered(self, *batches: TestBatch) -> None:
        """Something failed on the way of these batches, which is told, and nothing else is wrong with them."""
        assert await self.raised([b.batch_id for b in batches]) == {"phase1-regular:no_errors-1": Verdict.VIOLATED}

    @asynccontextmanager
    async def trouble(self, service: str, name: str) -> "AsyncIterator[None]":
        """A fault or a trouble of a service, for as long as the block lasts; a service that BROKEN broke stays so."""
        if BROKEN is not None and BROKEN.startswith(f"{service}:"):
            yield
            return
        await self.system.fault(service, name)
        try:
            yield
        finally:
            await self.system.fault(service, None)

    @asynccontextmanager
    async def _why(self, batch_id: str) -> "AsyncIterator[None]":
        try:
            yield
        except TimeoutError as late:
            await self._flush()
            wrong = [f for f in self._judged().flows if f.key == batch_id and f.verdict is Verdict.VIOLATED]
            if not wrong:
                raise
            raise Violation(f"{late}; judged as if that were all for a day:\n{wrong[0].explain()}") from late

    def _judged(self) -> Report:
        from verifier import check, load_shape
        from verifier.sources import read_spans

        spans = read_spans(str(self.traces.folder))
        records = self.system.setup.folder / "records.jsonl"
        return check([load_shape(s) for s in (*SHAPES, ACROSS)], spans=spans, records=records, at="+26h")

    async def _flush(self) -> None:
        await self.system.flush()
        await self.system.records()
