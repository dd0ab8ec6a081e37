"""Every law is seen to fail: each on a build with one fault, which that law is there to notice.

    python -m tests.breaking.broken_builds [LAW ...] [--jobs 2]

In: `broken_builds.yaml`: per law the fault, as source that stands in a module once and what stands there instead. Out:
a line for each: `fails` as it should, or `PASSES` and exit code 1. A law without a fault is a failure too. No file of
the package changes: the fault is put in while the module is loaded.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LAWS = ("tests/laws/test_laws.py", "tests/laws/test_run_laws.py", "tests/test_sketch.py", "tests/test_flows.py")
MOST_SECONDS = 900


def main(argv: Sequence[str] | None = None) -> int:
    """Runs each law on its broken build; returns the exit code."""
    parser = argparse.ArgumentParser(description="Break what each law is there for and see that it fails.")
    parser.add_argument("laws", nargs="*", help="laws to try; all if none is named")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    given = parser.parse_args(argv)
    wanted = given.laws
    builds = yaml.safe_load((HERE / "broken_builds.yaml").read_text())
    lacking = sorted(_laws() - {build["law"] for build in builds})
    for law in lacking:
        print(f"{law}: no broken build is given for it")
    chosen = [b for b in builds if not wanted or b["law"] in wanted]
    with ThreadPoolExecutor(given.jobs) as pool:
        failed = list(pool.map(_fails, chosen))
    for build, (fails, last) in zip(chosen, failed, strict=True):
        print(f"{'fails ' if fails else 'PASSES'} {build['law']}: {build['fault']}")
        if not fails:
            print(f"       {last}")
    return 1 if lacking or not all(fails for fails, _ in failed) else 0


def _laws() -> set[str]:
    """The names of all laws: every test of `test_laws.py` and of `test_run_laws.py`."""
    return {
        name for path in LAWS[:2] for name in re.findall(r"^def (test_\w+)", (ROOT / path).read_text(), re.MULTILINE)
    }


def _fails(build: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the law fails on its broken build for a broken assertion, and the last line of the run."""
    faults = {
        f"verifier.{one['module']}": {"before": one["before"], "after": one["after"]}
        for one in (build, *build.get("also", ()))
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.breaking.fault", "-p", "no:cacheprovider"]
    command += ["--no-header", *LAWS, "-k", build["law"] + (f" and {build['only']}" if "only" in build else "")]
    env = {**os.environ, "FAULTS": json.dumps(faults)}
    if "examples" in build:
        env["LAWS_EXAMPLES"] = str(build["examples"])
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    last = (done.stdout.strip() or done.stderr.strip() or "nothing was printed").splitlines()[-1]
    return done.returncode == 1 and "AssertionError" in done.stdout + done.stderr, last


if __name__ == "__main__":
    sys.exit(main())
