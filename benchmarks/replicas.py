"""Two replicas of each service under load: 200 batches, 20 at a time; every one must be satisfied.

    python -m benchmarks.replicas [--batches 200] [--at-once 20] [--stack FOLDER]

On the servers of the stack (`tests/integration/real_servers.py`), else on those that the variables PHASE1_KAFKA,
PHASE1_DATABASE and PHASE1_REDIS name, else on the embedded broker and SQLite. Prints how long it took and the most
memory that each process had, where the system tells (/proc). Exit code 1 unless the verifier found every batch
satisfied and nothing else.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import cycle
from pathlib import Path

from benchmarks.bench import machine
from examples.phase1.scenarios import ROSTER, SURE, UNSURE
from examples.phase1.statuses import Status
from examples.phase1.system import System
from tests.integration.real_servers import real_servers

SHAPES = ("phase1-regular", "phase1-guest", "phase1-decisions", "phase1-classes", "phase1-telemetry")
CODES = ("ENG5", "ENG6", "ENG7", "SV1", "SV2", "SV3")
TEXTS = (SURE, UNSURE)
VERIFIER = (sys.executable, "-c", "from verifier.cli import main; raise SystemExit(main())")


def main(argv: Sequence[str] | None = None) -> int:
    """As said above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicas", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--stack", type=Path, help="folder of the scripts that start real servers")
    given = parser.parse_args(argv)
    none: AbstractContextManager[dict[str, str]] = nullcontext({})
    with real_servers(given.stack.resolve()) if given.stack else none as variables:
        os.environ.update(variables)
        with tempfile.TemporaryDirectory(prefix="flow-verifier-replicas-") as folder:
            return bench(Path(folder), batches=given.batches, at_once=given.at_once)


def bench(folder: Path, *, batches: int, at_once: int) -> int:
    """Receives, runs, judges, prints; returns the exit code."""
    where = os.environ.get("PHASE1_KAFKA", "the embedded broker")
    print(f"{batches} batches, {at_once} at a time, two replicas of each service, on {where}; {machine()}", flush=True)
    receiver = subprocess.Popen(
        [*VERIFIER, "receive", "--journal", str(folder / "spans"), "--http", "0", "--grpc", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert receiver.stdout is not None
        said = receiver.stdout.readline()
        otlp = next(word.removeprefix("http=") for word in said.split() if word.startswith("http="))
        asyncio.run(_run(folder, otlp, batches=batches, at_once=at_once))
        _line("verifier receive", _peak(receiver.pid))
    finally:
        receiver.terminate()
        receiver.wait()
    return _judge(folder, batches)


async def _run(folder: Path, otlp: str, *, batches: int, at_once: int) -> None:
    async with System(folder=folder / "system", otlp=otlp, replicas=2) as system:
        classes = [await system.driver.create_class(code, ROSTER) for code in CODES]
        room, begun = asyncio.Semaphore(at_once), time.monotonic()

        async def one(n: int, code: str) -> None:
            async with room:
                await _batch(system, code, class_id=classes[n // 2 % len(classes)] if n % 2 else None)

        await asyncio.gather(*(one(n, code) for n, code in zip(range(batches), cycle(CODES), strict=False)))
        print(f"the batches: {time.monotonic() - begun:.1f} s", flush=True)
        await system.flush()
        await system.records()
        for name, pid in system.pids().items():
            _line(name, _peak(pid))


async def _batch(system: System, code: str, *, class_id: str | None) -> None:
    """A batch from its registration to its pipeline, confirmed by a teacher if it is of a class."""
    driver = system.driver
    batch_id = await driver.register(len(TEXTS), code, class_id=class_id)
    await driver.upload(batch_id, TEXTS)
    if class_id is not None:
        await driver.wait_for_suggestions(batch_id, deadline_s=60)
        await driver.confirm(batch_id)
    await driver.wait_for_status(batch_id, Status.READY, deadline_s=60)
    await driver.start_pipeline(batch_id)


def _judge(folder: Path, batches: int) -> int:
    sources = ["--spans", str(folder / "spans"), "--records", str(folder / "system" / "records.jsonl")]
    out, told = folder / "report.json", folder / "report.txt"
    begun = time.monotonic()
    with out.open("wb") as stream:
        judging = subprocess.Popen(
            [*VERIFIER, "check", *SHAPES, *sources, "--report", "json", "--report", f"terminal={told}"], stdout=stream
        )
        _, status, used = os.wait4(judging.pid, 0)
    wall = time.monotonic() - begun
    report = json.loads(out.read_text(encoding="utf-8"))
    spans = sum(source["spans"] for source in report["sources"])
    print(f"verifier check: {wall:.1f} s for {spans:,} spans, {used.ru_utime + used.ru_stime:.1f} s of CPU")
    _line("verifier check", used.ru_maxrss / 1024)
    totals = report["totals"]
    print(f"verdict {report['verdict']}: {json.dumps(totals)}")
    fine = os.waitstatus_to_exitcode(status) == 0 and totals["flows"] == batches
    if not fine:
        print(told.read_text(encoding="utf-8"))
    return 0 if fine else 1


def _peak(pid: int) -> float | None:
    """The most memory that a process had so far, in MiB; None where the system doesn't tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


def _line(name: str, mib: float | None) -> None:
    print(f"  {name:20} {'not told' if mib is None else f'{mib:.0f} MiB at most'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
