"""`verifier check --spans otlp://…`: waits for spans until the answer is final, the deadline, or Ctrl-C."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.receiver.sending import post, request
from verifier.errors import UsageError
from verifier.listen import ports

SHAPE = """
shape: pair
flow: {key: k}
steps: {one: {span: one}, two: {span: two}}
assertions: [{sequence: [one, two]}]
"""


def spans(*names: str, key: str = "f1") -> bytes:
    """A request with spans of these names, in this order, of one flow (its number is in the ids)."""
    first = int(key[1:]) * 100
    body = json.loads(request(*range(first, first + len(names))))
    for n, span in enumerate(body["resourceSpans"][0]["scopeSpans"][0]["spans"]):
        span |= {"name": names[n], "attributes": [{"key": "k", "value": {"stringValue": key}}]}
        start = 10**18 + n * 10**9
        span |= {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 1000)}
    return json.dumps(body).encode()


@contextmanager
def checking(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as it waits, and where it receives."""
    (folder / "pair.yaml").write_text(SHAPE)
    args = ["check", "pair.yaml", "--spans", "otlp://127.0.0.1:0", *more]
    code = f"from verifier.cli import main; raise SystemExit(main({args!r}))"
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    wide = {**os.environ, "COLUMNS": "400"}  # paths are on one line
    with subprocess.Popen(command, cwd=folder, env=wide, **pipes) as process:  # type: ignore[call-overload]
        assert process.stderr is not None
        first = process.stderr.readline()
        found = re.search(r"http=(\S+)", first)
        assert found is not None, first + process.stderr.read()
        try:
            yield process, found[1]
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]", within: float = 30) -> tuple[int, str]:
    """Exit code and what stands on standard output."""
    out, _ = process.communicate(timeout=within)
    return process.returncode, out


def test_it_ends_as_soon_as_the_named_flow_is_decided(tmp_path: Path) -> None:
    """Long before the deadline; what it received is gone, for nobody needs to look at it."""
    with checking(tmp_path, "--flow", "f1", "--deadline", "10m") as (process, url):
        assert post(url, spans("one")).status == 200
        assert post(url, spans("one", "two")).status == 200
        code, out = ended(process)
    assert (code, out.splitlines()[0][:9]) == (0, "satisfied"), out


def test_who_names_no_flow_waits_to_the_deadline(tmp_path: Path) -> None:
    """A flow that is fine proves nothing of those that may yet come; the last look sees all of them."""
    with checking(tmp_path, "--deadline", "3s", "--journal", "kept", "--report", "json") as (process, url):
        assert post(url, spans("one", "two")).status == 200
        assert post(url, spans("one", "two", key="f2")).status == 200
        code, out = ended(process)
    assert (code, json.loads(out)["totals"]["flows"]) == (0, 2)
    assert list((tmp_path / "kept").glob("*.otlp"))


@pytest.mark.parametrize(
    ("premise", "verdict", "exit_code"), [((), "inconclusive", 3), (("--assume", "complete"), "violated", 1)]
)
def test_what_did_not_come_by_the_deadline(
    tmp_path: Path, premise: Sequence[str], verdict: str, exit_code: int
) -> None:
    """Spans may be on their way, unless it is said that they aren't. It says how to judge what was kept."""
    with checking(tmp_path, "--deadline", "2s", *premise) as (process, url):
        assert post(url, spans("one")).status == 200
        code, out = ended(process)
    again = out.splitlines()[-1]
    assert (code, out.partition(":")[0]) == (exit_code, verdict), out
    kept = re.search(r"^again: .*--spans (\S+)", again)
    assert kept is not None, again
    assert ("--assume spans=lossy" in again) == (not premise)
    assert list(Path(kept[1]).glob("*.otlp"))
    shutil.rmtree(kept[1])


def test_nothing_that_came_is_no_pass(tmp_path: Path) -> None:
    """Neither with a flow that is named nor without."""
    for named in ((), ("--flow", "f1")):
        with checking(tmp_path, "--deadline", "1s", *named) as (process, _):
            code, out = ended(process)
        assert code == 3, out
        assert "satisfied" not in out
        kept = re.search(r"(/\S*flow-verifier-spans-\w+)", out)
        assert kept is not None
        assert not Path(kept[1]).exists(), "an empty folder is of no use"


def test_ctrl_c_ends_the_waiting_and_judges_what_is_there(tmp_path: Path) -> None:
    """Nobody who looks on has to wait for the deadline."""
    with checking(tmp_path, "--deadline", "10m", "--journal", "kept") as (process, url):
        assert post(url, spans("one", "two")).status == 200
        process.send_signal(signal.SIGINT)
        code, out = ended(process)
    assert (code, out.splitlines()[0][:9]) == (0, "satisfied"), out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--spans", "otlp://10.0.0.1:4318"], "only this machine is served"),
        (["--spans", "otlp://127.0.0.1"], "expected otlp://127.0.0.1:PORT"),
        (["--spans", "otlp://127.0.0.1:0", "--spans", "otlp://127.0.0.1:0"], "neither another such address nor"),
        (["--spans", "otlp://127.0.0.1:0", "--deadline", "soon"], "--deadline"),
        (["--spans", "x", "--deadline", "3s"], "--deadline: is for spans that are received"),
        (["--spans", "x", "--journal", "d"], "--journal: is for spans that are received"),
    ],
)
def test_what_is_wrong_is_said(args: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is waited for."""
    from verifier.cli import main

    (tmp_path / "pair.yaml").write_text(SHAPE)
    with pytest.raises(SystemExit) as exit_:
        main(["check", str(tmp_path / "pair.yaml"), *args])
    assert exit_.value.code == 2
    assert says in capsys.readouterr().err


def test_4317_is_grpc_s_port() -> None:
    """Whoever names one of the two usual ports gets both."""
    assert ports("otlp://127.0.0.1:4317") == ports("otlp://localhost:4318") == (4318, 4317)
    assert ports("otlp://127.0.0.1:5000") == (5000, 0)
    with pytest.raises(UsageError):
        ports("otlp://127.0.0.1:70000")
