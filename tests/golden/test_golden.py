"""Recorded real batches in, the whole report out: JSON and the screen, byte for byte.

The expected files stand beside this one; `UPDATE_GOLDEN=1` writes them anew, and the diff is reviewed.
"""

import json
import os
import shlex
from pathlib import Path

import pytest

from verifier.cli import main

HERE = Path(__file__).parent
DATA = HERE.parent / "data" / "huleedu"

CASES = {  # name: (capture, with records?, further arguments, exit code)
    "regular": ("regular", True, "", 0),
    "guest": ("guest", True, "", 0),
    "enriched-regular": ("enriched/regular", True, "", 0),
    "enriched-guest": ("enriched/guest", True, "", 0),
    "course_mismatch": ("course_mismatch", True, "", 1),
    "enriched-course_mismatch": ("enriched/course_mismatch", True, "", 1),
    "duplicates": ("duplicates", True, "", 1),
    "els_db_outage": ("els_db_outage", True, "", 1),
    "timeout_monitor": ("enriched/timeout_monitor", True, "--param auto_confirm_after=0s", 3),
    "timeout_monitor-26h": ("enriched/timeout_monitor", True, "--param auto_confirm_after=0s --at +26h", 1),
    "regular-spans": ("regular", False, "", 3),
    "guest-spans": ("guest", False, "", 3),
    "enriched-regular-spans": ("enriched/regular", False, "", 3),
    "regular-lossy": ("regular", True, "--assume lossy", 3),
    "classes": ("enriched/timeout_monitor", True, "--param auto_confirm_after=0s phase1-classes", 3),
    "classes-lossy": ("enriched/regular", True, "--assume lossy phase1-classes", 3),
}


@pytest.mark.parametrize("name", CASES)
def test_recorded_batches_give_the_whole_report(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verdicts, findings, evidence, words and exit code of a recorded capture are what they were."""
    capture, records, more, code = CASES[name]
    monkeypatch.chdir(DATA)
    monkeypatch.setenv("COLUMNS", "80")
    written = tmp_path / "report.json"
    argv = ["check", "phase1-regular", "phase1-guest", "--spans", f"{capture}.otlp.jsonl"]
    argv += ["--records", f"{capture}.events.jsonl"] if records else []
    argv += [*shlex.split(more), "--report", f"json={written}"]
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    report, screen = written.read_text(), capsys.readouterr().out
    assert exit_.value.code == code
    _same(HERE / f"{name}.json", report)
    _same(HERE / f"{name}.txt", screen)


@pytest.mark.parametrize("name", CASES)
def test_recorded_batches_match_their_truth(name: str) -> None:
    """Each batch of the truth file is in the report, judged by the shape of its class type."""
    capture, records, _, _ = CASES[name]
    report = json.loads((HERE / f"{name}.json").read_text())
    truth = json.loads((DATA / f"{capture}.truth.json").read_text())
    batches = truth if isinstance(truth, list) else truth["batches"]
    judged = {(f["key"]["batch_id"], f["shape"]) for f in report["flows"]}
    if records:
        assert judged == {(b["batch_id"], f"phase1-{b['class_type'].lower()}") for b in batches}
    else:
        assert {key for key, _ in judged} == {b["batch_id"] for b in batches}


def _same(path: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; UPDATE_GOLDEN=1 writes it anew, then review the diff"
