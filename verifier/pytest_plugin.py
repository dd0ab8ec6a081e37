"""The pytest plugin: the fixture `traces`, and what a failed test leaves behind.

In: tests that send spans to `traces.endpoint`. Out: their verdicts; of a test that failed, its telemetry and the
command that judges it again. What judges is loaded by the first test that asks for `traces`.
"""

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from verifier.live import Traces

_TRACES = pytest.StashKey["Traces"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `interfaces.md`."""
    group = parser.getgroup("traces", "flows judged from traces")
    group.addoption("--traces-report", action="append", default=[], metavar="FORM=FILE", help="Also write a report.")
    group.addoption("--traces-source", metavar="URL", help="Judge the spans of this source, not those received.")
    group.addoption("--traces-records", action="append", default=[], metavar="URL", help="Kafka records to judge by.")
    group.addoption("--traces-keep", metavar="DIR", help="Where the telemetry of a failed test is kept.")


@pytest.fixture
def traces(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Traces]":
    """An OTLP receiver on free ports, and verdicts of what it receives."""
    from verifier.live import Traces

    folder = tmp_path_factory.mktemp("traces") / "journal"
    with Traces(folder=folder) as found:
        if url := request.config.getoption("--traces-source"):
            found.source(url)
        for url in request.config.getoption("--traces-records"):
            found.records(url)
        request.node.stash[_TRACES] = found
        yield found
    _write_reports(request, found)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps the telemetry of a test that failed, and says how to judge it again."""
    report = yield
    found = item.stash.get(_TRACES, None)
    if call.when == "call" and found is not None and report.failed and found.again is not None:
        command, keep = found.again, item.config.getoption("--traces-keep")
        if keep:
            kept = Path(keep) / "".join(c if c.isalnum() or c in "._-" else "_" for c in item.nodeid)
            shutil.copytree(found.folder, kept, dirs_exist_ok=True)
            command = command.replace(str(found.folder), str(kept))
        report.sections.append(("traces", f"again: {command}"))
    return report


def _write_reports(request: pytest.FixtureRequest, found: "Traces") -> None:
    if found.last is None:
        return
    from verifier.reports import write

    for wanted in request.config.getoption("--traces-report"):
        form, _, file = wanted.partition("=")
        if not file:
            raise pytest.UsageError(f"--traces-report {wanted}: expected FORM=FILE, e.g. json=report.json")
        path = Path(file)
        name = "".join(c if c.isalnum() else "_" for c in request.node.name)
        path = path.with_name(f"{path.stem}-{name}{path.suffix}")  # one for each test
        with path.open("w", encoding="utf-8") as out:
            write(found.last, form, out=out, color=False)
