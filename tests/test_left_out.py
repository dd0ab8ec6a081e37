"""What a machine can't run is said before pytest's closing line, never left out silently.

In: a pytest of its own on a small file of tests. Out: its closing lines.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def closing_lines(folder: Path, body: str, *more: str) -> list[str]:
    """The last lines of a pytest run on one file with this body, with our hooks."""
    path = folder / "test_small.py"
    path.write_text(f"import pytest\nfrom tests.conftest import cannot_run\n{body}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-q", *more, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if line.strip()]


SKIPS = """
@pytest.mark.parametrize("n", [1, 2])
def test_needs_a_server(n): cannot_run("there is no Kafka", "PHASE1_KAFKA=host:port make test")
def test_runs(): pass
"""


def test_what_could_not_run_is_listed(tmp_path: Path) -> None:
    """Each reason stands once, with how many tests it cost and the line that would run them; pytest closes."""
    lines = closing_lines(tmp_path, SKIPS)
    assert lines[-2] == ("could not run here: 2 tests: there is no Kafka; to run it: PHASE1_KAFKA=host:port make test")
    assert lines[-1].startswith("1 passed, 2 skipped in ")


def test_it_is_listed_by_several_workers_too(tmp_path: Path) -> None:
    """The same where tests run in several processes."""
    lines = closing_lines(tmp_path, SKIPS, "-n", "2")
    assert lines[-2].startswith("could not run here: 2 tests: there is no Kafka")
    assert lines[-1].startswith("1 passed, 2 skipped in ")


def test_nothing_is_said_where_all_could_run(tmp_path: Path) -> None:
    """No line about nothing."""
    assert not [line for line in closing_lines(tmp_path, "def test_runs(): pass") if "could not run" in line]
