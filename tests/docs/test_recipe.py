"""The services of docs/how-to/instrument-an-aiokafka-service.md run as they stand there; its shape judges them."""

import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import verifier
from tests.examples.needs import needs_phase1
from verifier import Report
from verifier.receiver import Receiver

needs_phase1()

from examples.phase1.broker import MockCluster  # noqa: E402  only where its extra is installed

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "instrument-an-aiokafka-service.md"
ORDERS = ("o1", "o2", "o3")
PATIENCE_S = 30.0


def files() -> dict[str, str]:
    """The files of the page: each block whose first line is its name."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return dict(found)


def run(folder: Path, *, change: tuple[str, str, str] | None = None) -> Report:
    """Runs the two services on three orders until all are billed, stops them, and judges."""
    made, cluster = files(), MockCluster(("orders.placed",), partitions=1)
    if change is not None:
        name, old, new = change
        assert old in made[name]
        made[name] = made[name].replace(old, new)
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    with Receiver(journal=folder / "spans") as endpoints:
        env = {**os.environ, "KAFKA": cluster.bootstrap, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoints.http}
        billing = subprocess.Popen([sys.executable, "billing.py"], cwd=folder, env=env)
        try:
            subprocess.run([sys.executable, "shop.py", *ORDERS], cwd=folder, env=env, check=True, timeout=PATIENCE_S)
            _wait_for_bills(folder / "billing.db")
        finally:
            billing.terminate()
            billing.wait(PATIENCE_S)
    return verifier.check(
        [verifier.load_shape(folder / "order-billed.yaml")],
        spans=folder / "spans",
        records=f"kafka://{cluster.bootstrap}/orders.placed",
        flows=ORDERS,
    )


def _wait_for_bills(path: Path) -> None:
    """Until each order has its bill."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            with sqlite3.connect(path) as db:
                if db.execute("SELECT count(*) FROM bills").fetchone()[0] >= len(ORDERS):
                    return
        except sqlite3.OperationalError:
            pass  # billing has not made its tables yet
        time.sleep(0.05)
    raise AssertionError("the orders were not billed in time")


def test_the_services_of_the_page_are_satisfied(tmp_path: Path) -> None:
    """Every order, by every rule."""
    report = run(tmp_path)
    assert [(flow.key, str(flow.verdict)) for flow in report.flows] == [(key, "satisfied") for key in ORDERS]
    assert {str(rule.verdict) for flow in report.flows for rule in flow.assertions} == {"satisfied"}


def test_a_relay_without_the_context_is_caught(tmp_path: Path) -> None:
    """As the page says: `causes`, context lost."""
    forgotten = ("shop.py", "with carried_by(json.loads(carrier)):", "with carried_by({}):")
    report = run(tmp_path, change=forgotten)
    for flow in report.flows:
        (causes,) = (rule for rule in flow.assertions if rule.id == "causes-1")
        assert str(causes.verdict) == "violated", flow.explain()
        assert {judged.finding.anomaly for judged in causes.findings} == {"context lost"}
    assert len(report.flows) == len(ORDERS)


def test_the_clock_of_the_page_is_understood(tmp_path: Path) -> None:
    """What it says of a jump is what the verifier reads."""
    for name in ("clock.py", "messages.py"):
        (tmp_path / name).write_text(files()[name], encoding="utf-8")
    code = """
from datetime import timedelta
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
from clock import Clock
clock = Clock()
before = clock.now()
clock.advance(timedelta(hours=25), "j1")
assert clock.now() - before >= timedelta(hours=25)
event = kept.get_finished_spans()[0].events[0]
print(event.name, dict(event.attributes))
"""
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "clock.advanced {'jump_id': 'j1', 'by': '90000s'}"
    assert verifier.shape.duration_ns("90000s") == 25 * 3600 * 10**9
