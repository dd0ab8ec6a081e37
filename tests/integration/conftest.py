"""A system for each test, on the embedded broker and SQLite, or on the servers that PHASE1_KAFKA, PHASE1_DATABASE and
PHASE1_REDIS name; its spans go to the receiver of `traces`.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.examples.needs import needs_phase1

needs_phase1()

from examples.phase1.system import System  # noqa: E402  only where its extra is installed
from tests.integration.utils.phase1_test_helpers import BROKEN, Phase1TestContext  # noqa: E402

if TYPE_CHECKING:
    from verifier.live import Traces


@pytest.fixture(autouse=True)
def _services_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The services' processes are not ours to measure; measured they take twice as long to start."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture
async def phase1(traces: "Traces", tmp_path: Path, _services_unmeasured: None) -> AsyncIterator[Phase1TestContext]:
    """Broker, four services and the people around them."""
    patience = timedelta(seconds=0.5)
    async with System(folder=tmp_path / "system", otlp=traces.endpoint, faults=True, patience=patience) as system:
        if BROKEN is not None:
            await system.fault(*BROKEN.split(":"))
        yield Phase1TestContext(system, traces)
