"""What every test of the reference system shares."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _services_unmeasured() -> Iterator[None]:
    """The services' processes are not ours to measure; measured they take twice as long to start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
            patch.delenv(name, raising=False)
        yield
