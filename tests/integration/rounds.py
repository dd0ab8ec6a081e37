"""Runs the integration tests again and again: is there one that fails now and then?

    python -m tests.integration.rounds --rounds 10                    # the embedded broker, SQLite
    python -m tests.integration.rounds --rounds 10 --stack FOLDER     # real servers (`real_servers.py`)

One line a round; ends with 1 if a test failed in any of them, with its name.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from tests.integration.real_servers import NotStarted, real_servers

TESTS = "tests/integration"
KEPT = Path("out/rounds")
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")
GUILTY = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def main() -> int:
    """As said above."""
    asked = _asked()
    failed = False
    try:
        with real_servers(asked.stack.resolve()) if asked.stack else nullcontext({}) as variables:
            print(f"{TESTS} on {'real servers' if asked.stack else 'the embedded broker and SQLite'}")
            print("round  seconds  passed  failed  skipped")
            for number in range(1, asked.rounds + 1):
                failed |= _round(number, variables, workers=asked.workers)
    except NotStarted as e:
        print(f"rounds: {e}", file=sys.stderr)
        return 2
    return int(failed)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.rounds", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--stack", type=Path, help="folder of the scripts that start real servers")
    parser.add_argument(
        "--workers", type=int, default=0, help="tests at once; only on the embedded broker, as each has one of its own"
    )
    asked = parser.parse_args()
    if asked.stack and asked.workers:
        parser.error("--workers and --stack: the tests share the real servers, and one of them stops the broker")
    return asked


def _round(number: int, variables: Mapping[str, str], *, workers: int) -> bool:
    begun = time.monotonic()
    said = _run(variables, ("-n", str(workers)))
    seconds = time.monotonic() - begun
    # The numbers are pytest's own; what it prints when nothing was run at all counts as a failure.
    counts = Counter({word.removesuffix("s"): int(n) for n, word in COUNT.findall(said.stdout.rpartition("\n=")[2])})
    failures = counts["failed"] + counts["error"]
    print(f"{number:5}  {seconds:7.0f}  {counts['passed']:6}  {failures:6}  {counts['skipped']:7}", flush=True)
    if said.returncode == 0:
        return False
    KEPT.mkdir(parents=True, exist_ok=True)
    log = KEPT / f"{time.strftime('%Y%m%d-%H%M%S')}.log"
    log.write_text(said.stdout + said.stderr, encoding="utf-8")
    for name in GUILTY.findall(said.stdout) or ["pytest itself failed"]:
        print(f"       {name}; all that was said: {log}", flush=True)
    return True


def _run(variables: Mapping[str, str], options: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-m", "integration", TESTS, "-p", "no:cacheprovider", "--no-cov"]
    return subprocess.run(
        [*command, "-ra", *options],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main())
