"""What `make demo` runs: the system, three batches of which one goes wrong, and the verdicts.

In: nothing. Out: progress and a report on the screen; exit code 0 if the good batches are satisfied and the broken one
is violated, for what was broken in it.
"""

import asyncio
import sys
import tempfile
import time
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
BEGUN = time.monotonic()


def say(text: str) -> None:
    """One line of progress."""
    print(f"{time.monotonic() - BEGUN:5.1f} s  {text}", flush=True)  # noqa: T201


async def run(folder: Path, traces: Traces) -> tuple[dict[str, str], Report]:
    """The batches by what they are, and what the verifier says of them."""
    say("a broker, four services and a receiver for their spans are started ...")
    patience = timedelta(seconds=1)
    async with System(folder=folder / "system", otlp=traces.endpoint, faults=True, patience=patience) as system:
        say("a GUEST batch: registered, its files uploaded, its pipeline started ...")
        (good_guest,) = await guest(system)
        say("a REGULAR batch: its students are matched, a teacher confirms them ...")
        (good,) = await teacher(system)
        say(f"a REGULAR batch while {FAULT.service} is broken: {FAULT.wrong} ...")
        await system.fault(FAULT.service, FAULT.name)
        (broken,) = await teacher(system)
        say("every service sends the spans that it still holds, and the records are read ...")
        await system.flush()
        traces.on_flush(lambda: None)
        traces.records(str(await system.records()))
        report = traces.check(SHAPES)
        say("all is stopped.")
    return {"guest": good_guest, "regular": good, "broken": broken}, report


def main() -> int:
    """Runs it, and says whether it went as it should."""
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
    raise SystemExit(main())
