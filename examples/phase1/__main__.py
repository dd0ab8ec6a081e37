"""One run of the system to look at: `python -m examples.phase1 --out DIR`, with a fault if one is named.

In: where spans go. Out: a folder with spans, records and logs, and the command that judges them.
"""

import argparse
import asyncio
import shutil
from pathlib import Path

from examples.phase1.faults import BY_NAME
from examples.phase1.scenarios import SCENARIOS
from examples.phase1.system import System

SHAPES = "phase1-regular phase1-guest phase1-classes phase1-decisions phase1-telemetry"


def main() -> None:
    """Runs one batch of a guest, one of a teacher and three that nobody confirms; or what shows the fault."""
    parser = argparse.ArgumentParser(prog="python -m examples.phase1", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/phase1"), metavar="DIR", help="made anew")
    parser.add_argument("--otlp", metavar="URL", help="where spans go as well, OTLP over HTTP")
    parser.add_argument(
        "--fault", choices=sorted(BY_NAME), metavar="NAME", help="one of python -m examples.phase1.faults"
    )
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    asyncio.run(_run(asked.out, asked.otlp, asked.fault))
    where = f"--spans {asked.out / 'spans'} --records {asked.out / 'records.jsonl'}"
    print(f"\nverifier check {SHAPES} {where}")  # noqa: T201


async def _run(out: Path, otlp: str | None, fault: str | None) -> None:
    async with System(folder=out, otlp=otlp, spans=out / "spans", faults=fault is not None) as system:
        names = ["guest", "teacher", "timeout"]
        if fault is not None:
            names = [BY_NAME[fault].scenario]
            await system.fault(BY_NAME[fault].service, fault)
        for name in names:
            for batch_id in await SCENARIOS[name](system):
                print(f"{name:24} {batch_id} {await system.driver.status(batch_id)}")  # noqa: T201
        await system.flush()
        await system.records()


if __name__ == "__main__":
    main()
