"""What all tests share: saying what this machine could not run, and the line that would make it run.

In: tests that call `cannot_run(why, install)` instead of `pytest.skip`. Out: before pytest's closing line, one line for
each reason. Nothing is left out silently.
"""

from collections import Counter
from typing import NoReturn

import pytest


def cannot_run(why: str, install: str) -> NoReturn:
    """Leaves the test out: `why` it can't run here, and the command that would change that."""
    pytest.skip(f"{why}; to run it: {install}")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists what was left out, each reason once, with how many tests it cost."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.write_line("")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"could not run here: {count} test{'s' * (count > 1)}: {reason}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return told.removeprefix("Skipped: ")
