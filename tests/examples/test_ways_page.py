"""The page of instrumentation says what a run of today says; no way makes a broken batch good, or a good one broken."""

from pathlib import Path

import pytest

from tests.examples.needs import needs_phase1
from tests.examples.ways_page import FAULTS, PAGE, made, ways
from verifier import Verdict

needs_phase1()
pytestmark = pytest.mark.integration


def test_page_says_what_each_way_gives(tmp_path: Path) -> None:
    """And nothing on it is a false pass or a false alarm."""
    found = ways(tmp_path)
    for way in found.values():
        for name in way.batches:
            wrong = Verdict.VIOLATED if name.startswith("good") else Verdict.SATISFIED
            assert way.of(name).verdict is not wrong, name
        assert len(way.batches) == 2 + len(FAULTS)
    assert made(found) in PAGE.read_text(encoding="utf-8"), "python -m tests.examples.ways_page writes it anew"
