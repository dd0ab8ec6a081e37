"""The pytest plugin by examples: tests that pass, fail and can't be told, in a pytest of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="receiving needs the extra; un-skip: pip install 'flow-verifier[receiver]'")
pytest.importorskip("grpc", reason="receiving needs the extra; un-skip: pip install 'flow-verifier[receiver]'")

SHAPE = """
shape: order
flow: {key: order_id, ends: {steps: [shipped]}, gives_up: 1h}
steps:
  ordered: {span: order}
  shipped: {span: ship}
assertions:
  - occurs: {step: ordered, times: 1}
  - leads_to: {step: ordered, then: shipped, within: 1s}
"""
SEND = '''
import json
import threading
import urllib.request

import pytest

T0 = 1_767_225_600_000_000_000


def send(traces, key, *names, late=0):
    """Spans of one order, a second apart if late."""
    spans = [
        {
            "traceId": f"{abs(hash(key)) % 10**9 + 1:032x}", "spanId": f"{n + 1:016x}", "name": name, "kind": 2,
            "startTimeUnixNano": str(T0 + n * (10**6 + late)), "endTimeUnixNano": str(T0 + n * (10**6 + late) + 1000),
            "attributes": [
                {"key": "order_id", "value": {"stringValue": key}}, {"key": "shop", "value": {"stringValue": "north"}},
            ],
        }
        for n, name in enumerate(names)
    ]
    service = {"key": "service.name", "value": {"stringValue": "shop"}}
    resource = {"attributes": [service, {"key": "service.instance.id", "value": {"stringValue": "a"}}]}
    body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(traces.endpoint + "/v1/traces", body, headers)) as answer:
        assert answer.status == 200

'''


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".yaml", order=SHAPE)
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider\n")
    return pytester


def run(inner: pytest.Pytester, body: str, *args: str) -> pytest.RunResult:
    """What a pytest of its own says of a module with `send` and this body."""
    inner.makepyfile(SEND + body)
    return inner.runpytest_subprocess("-p", "no:cov", "-n", "0", *args)


def test_a_good_flow_passes_as_soon_as_it_is_over(inner: pytest.Pytester) -> None:
    """Also where its end comes later, from elsewhere; and only the flow that was asked for counts."""
    result = run(
        inner,
        """
def test_good(traces):
    traces.on_flush(lambda: None)
    send(traces, "1", "order")
    later = threading.Timer(0.4, send, (traces, "1", "order", "ship"))
    later.start()
    send(traces, "2", "ship")
    report = traces.verify("order.yaml", flow="1", deadline="20s")
    later.join()
    assert [flow.key for flow in report.flows] == ["1"]
    assert traces.flow("2", by="order_id").spans[0].name == "ship"
    assert traces.check("order.yaml").verdict.value == "violated"
""",
    )
    result.assert_outcomes(passed=1)


def test_a_broken_flow_fails_with_the_story_and_the_command(inner: pytest.Pytester, tmp_path: Path) -> None:
    """The first line is the story; the command that is printed judges what was kept, to the same verdict."""
    result = run(
        inner,
        """
def test_late(traces):
    traces.on_flush(lambda: None)
    send(traces, "1", "order", "ship", late=2 * 10**9)
    traces.verify("order.yaml", flow="1", deadline="5s")
""",
        "--traces-keep",
        str(tmp_path / "kept"),
        "--traces-report",
        f"json={tmp_path / 'report.json'}",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*Violation: order violated for order_id=1: shipped came 2.001s after ordered*"])
    result.stdout.fnmatch_lines(["E*premise: 1 service flushed before it was judged"])
    again = next(line for line in result.outlines if line.startswith("again: verifier check"))
    assert str(tmp_path / "kept") in again
    command = [sys.executable, "-c", "from verifier.cli import main; raise SystemExit(main())", *again.split()[2:]]
    judged = subprocess.run(command, capture_output=True, text=True, cwd=inner.path, check=False)
    assert judged.returncode == 1, judged.stderr
    assert json.loads((tmp_path / "report-test_late.json").read_text())["verdict"] == "violated"


def test_a_rule_across_flows_fails_with_its_story(inner: pytest.Pytester) -> None:
    """Each flow is right by itself: what is wrong is between them."""
    inner.makefile(
        ".yaml",
        traces=SHAPE + "  - one_per: {id: one_trace, object: ordered, identity: [order_id], owner: shop, at_most: 1}\n",
    )
    result = run(
        inner,
        """
def test_two(traces):
    traces.on_flush(lambda: None)
    send(traces, "1", "order", "ship")
    send(traces, "2", "order", "ship")
    traces.verify("traces.yaml", deadline="20s")
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *Violation: violated: order one_trace across 2 flows: *"])
    result.stdout.fnmatch_lines(
        ["E *violated one_trace (traces.yaml:*", "E * Seen *", "E *premise: 1 service flushed before*"]
    )
    result.stdout.no_fnmatch_line("E*and * more *")


def test_what_is_not_over_by_the_deadline_is_inconclusive(inner: pytest.Pytester) -> None:
    """A failure of its own, and never a pass; nothing that was asked for is missing from it."""
    result = run(
        inner,
        """
from verifier import Inconclusive

def test_open(traces):
    send(traces, "1", "order")
    with pytest.raises(Inconclusive, match="pending") as told:
        traces.verify("order.yaml", flow="1", deadline="300ms")
    assert "waited 300ms" in str(told.value)
    assert "no service was asked to flush" in str(told.value)

def test_nothing(traces):
    with pytest.raises(Inconclusive):
        traces.verify("order.yaml", flow="1", deadline="100ms")

def test_without_a_flush_absence_proves_nothing(traces):
    send(traces, "1", "ship")
    with pytest.raises(Inconclusive):
        traces.verify("order.yaml", flow="1", deadline="100ms")
    traces.on_flush(lambda: None)
    with pytest.raises(AssertionError, match="ordered occurred 0 times"):
        traces.verify("order.yaml", flow="1", deadline="5s")
""",
    )
    result.assert_outcomes(passed=3)


def test_async_tests_go_on_while_it_waits(inner: pytest.Pytester) -> None:
    """averify awaits flushes, and lets the loop run; verify says that it can't."""
    result = run(
        inner,
        """
import asyncio
from verifier import UsageError

def test_async(traces):
    asked = []

    async def flush():
        asked.append(1)

    async def all_of_it():
        traces.on_flush(flush)
        with pytest.raises(UsageError, match="averify"):
            traces.verify("order.yaml")
        waiting = asyncio.create_task(traces.averify("order.yaml", flow="1"))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(send, traces, "1", "order", "ship")
        return await waiting

    assert asyncio.run(all_of_it()).verdict.value == "satisfied"
    assert asked
""",
    )
    result.assert_outcomes(passed=1)


def test_tests_side_by_side_have_each_their_own(inner: pytest.Pytester) -> None:
    """Under xdist: the same key in two processes."""
    inner.makepyfile(
        SEND
        + """
@pytest.mark.parametrize("n", range(4))
def test_each(traces, n):
    traces.on_flush(lambda: None)
    send(traces, "1", "order", "ship")
    assert traces.verify("order.yaml").flows[0].spans == 2
"""
    )
    inner.runpytest_subprocess("-p", "no:cov", "-n", "2").assert_outcomes(passed=4)


def test_it_costs_nothing_where_it_is_not_used(inner: pytest.Pytester) -> None:
    """A test without `traces` loads none of what judges."""
    result = run(
        inner,
        """
import sys

def test_plain():
    ours = sorted(name for name in sys.modules if name.startswith("verifier"))
    assert ours == ["verifier", "verifier.pytest_plugin"]
    assert "aiohttp" not in sys.modules
""",
    )
    result.assert_outcomes(passed=1)
