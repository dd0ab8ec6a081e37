"""`make demo` goes right, and says so where it doesn't."""

from dataclasses import replace

import pytest

from tests.examples.needs import needs_phase1

needs_phase1()
pytest.importorskip("grpc", reason="receiving needs the extra; un-skip: pip install 'flow-verifier[receiver]'")

from examples.phase1 import demo  # noqa: E402  only where its extra is installed

pytestmark = pytest.mark.integration


def test_the_demo_goes_right(capsys: pytest.CaptureFixture[str]) -> None:
    """Two batches are satisfied, and the broken one is violated by the rule that guards what was broken."""
    assert demo.main() == 0
    said = capsys.readouterr().out
    assert "as it should be: two batches satisfied, one violated by propagates-1" in said
    assert "course_code changed" in said


def test_the_demo_can_go_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that doesn't notice the fault is told of."""
    monkeypatch.setattr(demo, "FAULT", replace(demo.FAULT, caught_by="phase1-regular:never-1"))
    assert demo.main() == 1
    assert "the demo went wrong" in capsys.readouterr().out
