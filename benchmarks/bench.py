"""What it costs to judge generated flows: spans per second, memory, growth, the price of an import.

In: nothing (`make bench`). Out: a table on the screen and, as the last line, one JSON object with commit, machine and
versions. Each measurement is a fresh process; CPU time counts, wall time stands beside it, as machines are shared.
Exit code 1 if a verdict differs from the truth that was generated, or a cost is above what it may be.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import generate

ROOT = Path(__file__).parents[1]
SHAPE = Path(__file__).with_name("bench.yaml")
MOST_GROWTH = 11  # times the cost, for 10 times the spans
MOST_IMPORT_MS = 50


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the whole bench, or with `--one FILE` a single measurement in this process."""
    parser = argparse.ArgumentParser(description="Measure the verifier on generated flows.")
    parser.add_argument("--spans", type=int, default=200_000, help="size of the large file")
    parser.add_argument("--one", type=Path, metavar="FILE", help="measure one file, print JSON")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="check the verdicts against it")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, too")
    given = parser.parse_args(argv)
    if given.one:
        print(json.dumps(measure(given.one, given.truth, profile=given.profile)))
        return 0
    with tempfile.TemporaryDirectory(prefix="flow-verifier-bench-") as folder:
        return bench(Path(folder), large=given.spans, profile=given.profile)


def bench(folder: Path, *, large: int, profile: bool) -> int:
    """Generates, measures, prints; returns the exit code."""
    sizes = sorted({large, large // 2, large // 20}, reverse=True)
    files: dict[int, tuple[Path, Path, int]] = {}
    for size in sizes:
        began = time.perf_counter()
        files[size] = generate.write(size, folder)
        print(f"generated {files[size][2]:,} spans in {time.perf_counter() - began:.1f} s", flush=True)

    print(f"\n{'':26}{'spans/s of CPU':>15}{'decode':>9}{'judge':>9}{'CPU':>9}{'wall':>9}{'peak':>10}")
    results: dict[str, dict[str, Any]] = {}
    for form, path in (("OTLP JSON", files[large][0]), ("protobuf", files[large][1])):
        results[form] = _fresh(path, large, folder)
        _line(f"{form} to verdict", results[form])

    middle, small = sizes[1], sizes[-1]
    for size, times in ((middle, 2), (small, 5)):  # the least of several: others use the machine, too
        runs = [_fresh(files[size][0], size, folder) for _ in range(times)]
        results[str(size)] = min(runs, key=lambda r: float(r["cpu_s"]))
        _line(f"OTLP JSON, {size:,} spans", results[str(size)])

    growth = results[str(middle)]["cpu_s"] / results[str(small)]["cpu_s"]
    grows_well = growth <= MOST_GROWTH
    import_ms = _import_ms()
    quick = import_ms <= MOST_IMPORT_MS
    wrong = [text for result in results.values() for text in result["wrong"]]
    print(f"\ntime of {middle:,} : {small:,} spans   {growth:.2f}, wanted <= {MOST_GROWTH}   {_ok(grows_well)}")
    print(f"CPU of `import verifier`        {import_ms:.1f} ms, wanted <= {MOST_IMPORT_MS}   {_ok(quick)}")
    print(f"verdicts against the truth      {len(wrong)} wrong   {_ok(not wrong)}")
    for text in wrong[:12]:
        print(f"  {text}")
    if profile:
        done = _fresh(files[middle][0], middle, folder, "--profile")
        print("\n" + done["profile"])

    summary = {
        "json_spans_per_s": results["OTLP JSON"]["spans_per_s"],
        "protobuf_spans_per_s": results["protobuf"]["spans_per_s"],
        "results": {name: {k: v for k, v in r.items() if k != "wrong"} for name, r in results.items()},
        "growth": round(growth, 2),
        "import_ms": round(import_ms, 1),
        "seed": generate.SEED,
        "commit": _commit(),
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("flow-verifier", "msgspec", "protobuf", "pydantic", "PyYAML")},
    }
    print(json.dumps(summary))
    return 0 if grows_well and quick and not wrong else 1


# ---- one measurement, in its own process


def measure(path: Path, truth: Path | None, *, profile: bool = False) -> dict[str, Any]:
    """Reads and judges one file; what is loaded once (the shape, the libraries) is not counted."""
    from verifier.run import check
    from verifier.sources import read_spans
    from verifier.specfile import load

    shape = load(str(SHAPE))
    empty_kib = _peak_kib()
    watch = _profiler() if profile else None
    cpu, wall = time.process_time(), time.perf_counter()
    reading = read_spans(str(path))
    decoded = time.process_time()
    report = check([shape], spans=reading)
    judged, ended = time.process_time(), time.perf_counter()
    shown = _stop(watch) if watch else ""
    return {
        "spans": len(reading.spans),
        "flows": report.totals["flows"],
        "cpu_s": round(judged - cpu, 3),
        "wall_s": round(ended - wall, 3),
        "decode_spans_per_s": round(len(reading.spans) / (decoded - cpu)),
        "judge_spans_per_s": round(len(reading.spans) / (judged - decoded)),
        "spans_per_s": round(len(reading.spans) / (judged - cpu)),
        "peak_mib": round(_peak_kib() / 1024),
        "empty_mib": round(empty_kib / 1024),
        "wrong": differences(report, json.loads(truth.read_text(encoding="utf-8"))) if truth else [],
        **({"profile": shown} if profile else {}),
    }


def differences(report: Any, truth: dict[str, str]) -> list[str]:
    """A sentence for each flow whose verdict is not what its seeded fault asks for."""
    out = []
    judged = {flow.key: flow for flow in report.flows}
    for key, fault in sorted(truth.items()):
        flow = judged.get(key)
        if flow is None:
            out.append(f"{key}: not in the report")
            continue
        expected = "violated" if fault else "satisfied"
        broken = [a.id for a in flow.assertions if a.verdict == "violated"]
        if flow.verdict != expected:
            out.append(f"{key}: {flow.verdict}, expected {expected} ({fault or 'no fault'})")
        elif fault and generate.FAULTS[fault] not in broken:
            out.append(f"{key}: {fault} broke {', '.join(broken)}, expected {generate.FAULTS[fault]}")
    out.extend(f"{key}: in the report, never generated" for key in sorted(set(judged) - set(truth)))
    return out


def _peak_kib() -> float:
    """The most memory that this process has had (Linux counts in KiB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else peak


def _profiler() -> Any:
    import cProfile

    watch = cProfile.Profile()
    watch.enable()
    return watch


def _stop(watch: Any) -> str:
    import io
    import pstats

    watch.disable()
    text = io.StringIO()
    pstats.Stats(watch, stream=text).strip_dirs().sort_stats("tottime").print_stats(15)
    return "\n".join(line for line in text.getvalue().splitlines() if line.strip())


# ---- processes, machine


def _fresh(path: Path, size: int, folder: Path, *more: str) -> dict[str, Any]:
    truth = folder / f"truth-{size}.json"
    command = [sys.executable, "-m", "benchmarks.bench", "--one", str(path), "--truth", str(truth), *more]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _import_ms() -> float:
    """CPU time of `import verifier`: the least of ten fresh processes, without what a bare interpreter takes."""
    return min(_cpu_ms("import verifier") for _ in range(10)) - min(_cpu_ms("pass") for _ in range(10))


def _cpu_ms(statement: str) -> float:
    program = f"import time\n{statement}\nprint(time.process_time() * 1000)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def _line(name: str, r: dict[str, Any]) -> None:
    print(
        f"{name:26}{r['spans_per_s']:>15,}{r['decode_spans_per_s']:>9,}{r['judge_spans_per_s']:>9,}"
        f"{r['cpu_s']:>7.2f} s{r['wall_s']:>7.2f} s{r['peak_mib']:>6} MiB",
        flush=True,
    )


def _ok(held: bool) -> str:
    return "ok" if held else "NOT ok"


def _commit() -> str:
    """The commit, with a + if files differ from it; empty outside a checkout."""
    asked = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip()


def machine() -> str:
    """What it is measured on, as a line says it: the processor, its cores, Python."""
    return f"{_cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
