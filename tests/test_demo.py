"""`verifier demo`: the recording that ships with the package is judged right, and says nothing of its makers."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.sources import read_records, read_spans

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "verifier" / "demo"


def demo(*args: str) -> int:
    """The exit code of `verifier demo`."""
    with pytest.raises(SystemExit) as exit_:
        main(["demo", *args])
    return int(exit_.value.code or 0)


def test_it_shows_a_violation_and_how_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    """The command that it names gives the same verdicts, and the exit code of a violation."""
    assert demo() == 0
    said = capsys.readouterr().out
    assert "course_code changed\n  from SV1 to ENG6" in said
    command = re.search(r"^    verifier (check .*)$", said, re.MULTILINE)
    assert command is not None
    with pytest.raises(SystemExit) as exit_:
        main(command[1].split())
    assert exit_.value.code == 1
    assert "violated: 1 of 3 flows" in capsys.readouterr().out.replace("\n", " ")


def test_copies_can_be_played_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there is not written over; a changed copy is judged as it is."""
    out = tmp_path / "tryout"
    assert demo("--out", str(out)) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "phase1-guest.yaml",
        "phase1-regular.yaml",
        "records.jsonl",
        "spans.otlp.jsonl",
    ]
    capsys.readouterr()
    assert demo("--out", str(out)) == 2
    assert "is there already" in capsys.readouterr().err


def test_the_recording_is_whole_and_small() -> None:
    """Nothing in it is lost, and a wheel stays light."""
    spans, records = read_spans(str(DEMO / "spans.otlp.jsonl")), read_records(str(DEMO / "records.jsonl"))
    assert (spans.losses, records.losses) == ((), ())
    assert len(spans.spans) > 50
    assert len(records.records) > 20
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 200_000


def test_the_recording_does_not_say_where_it_was_made() -> None:
    """No machine, no user, no folder."""
    text = "".join(path.read_text(encoding="utf-8") for path in DEMO.iterdir())
    assert not re.search(r"host\.name|process\.|/tmp/|[a-z]:\\\\|@|localhost", text)


def test_the_wheel_holds_it(tmp_path: Path) -> None:
    """Recording and shapes; built as an installer would, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"verifier/demo/spans.otlp.jsonl", "verifier/demo/records.jsonl", "verifier/demo/README.md"} <= names
    assert "verifier/shapes/phase1-regular.yaml" in names
