"""What `make demo` runs: the system, three batches of which one goes wrong, and the verdicts.

In: nothing. Out: progress and a report on the screen; exit code 0 if the good batches are satisfied and the broken one
is violated, for what was broken in it. `--record DIR` writes the same into two files instead, for `verifier demo`.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from examples.phase1.faults import BY_NAME
from examples.phase1.scenarios import guest, teacher
from examples.phase1.system import System
from verifier.live import Traces
from verifier.reports import write
from verifier.verdict import Report, Verdict

SHAPES = ("phase1-regular", "phase1-guest")
FAULT = BY_NAME["code_of_the_class"]
PATIENCE = timedelta(seconds=1)
BEGUN = time.monotonic()


def say(text: str) -> None:
    """One line of progress."""
    print(f"{time.monotonic() - BEGUN:5.1f} s  {text}", flush=True)  # noqa: T201


async def run(folder: Path, traces: Traces) -> tuple[dict[str, str], Report]:
    """The batches by what they are, and what the verifier says of them."""
    say("a broker, four services and a receiver for their spans are started ...")
    async with System(folder=folder / "system", otlp=traces.endpoint, faults=True, patience=PATIENCE) as system:
        batches, records = await three(system)
        traces.on_flush(lambda: None)
        traces.records(str(records))
        report = traces.check(SHAPES)
        say("all is stopped.")
    return batches, report


async def three(system: System) -> tuple[dict[str, str], Path]:
    """Two batches that go right and one that doesn't, by what they are; and the records of all."""
    say("a GUEST batch: registered, its files uploaded, its pipeline started ...")
    (good_guest,) = await guest(system)
    say("a REGULAR batch: its students are matched, a teacher confirms them ...")
    (good,) = await teacher(system)
    say(f"a REGULAR batch while {FAULT.service} is broken: {FAULT.wrong} ...")
    await system.fault(FAULT.service, FAULT.name)
    (broken,) = await teacher(system)
    say("every service sends the spans that it still holds, and the records are read ...")
    await system.flush()
    return {"guest": good_guest, "regular": good, "broken": broken}, await system.records()


async def record(folder: Path) -> None:
    """The three batches as `spans.otlp.jsonl` and `records.jsonl` in the folder."""
    with tempfile.TemporaryDirectory() as name:
        spans = Path(name) / "spans"
        async with System(folder=Path(name) / "system", spans=spans, faults=True, patience=PATIENCE) as system:
            _, records = await three(system)
            folder.mkdir(parents=True, exist_ok=True)
            text = "".join(path.read_text(encoding="utf-8") for path in sorted(spans.glob("*.jsonl")))
            (folder / "spans.otlp.jsonl").write_text(text, encoding="utf-8")
            (folder / "records.jsonl").write_text(records.read_text(encoding="utf-8"), encoding="utf-8")


def main(argv: Sequence[str] = ()) -> int:
    """Runs it, and says whether it went as it should."""
    parser = argparse.ArgumentParser(prog="python -m examples.phase1.demo", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--record", type=Path, metavar="DIR", help="write spans and records there, and judge nothing")
    if (given := parser.parse_args(argv)).record is not None:
        asyncio.run(asyncio.wait_for(record(given.record), timeout=120))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Traces(folder=folder / "spans") as traces:
            batches, report = asyncio.run(asyncio.wait_for(run(folder, traces), timeout=120))
    sys.stdout.write("\n")
    write(report, "terminal", out=sys.stdout)
    flows = {what: report.flow(batch) for what, batch in batches.items()}
    rule = FAULT.caught_by.partition(":")[2]
    caught = any(a.id == rule and a.verdict is Verdict.VIOLATED for a in flows["broken"].assertions)
    good = all(flows[what].verdict is Verdict.SATISFIED for what in ("guest", "regular"))
    sys.stdout.write("\n")
    if good and caught:
        say(f"as it should be: two batches satisfied, one violated by {rule}. Its first lines say why.")
        return 0
    say("the demo went wrong: expected the GUEST and the first REGULAR batch satisfied, the other one violated")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
