"""verifier demo: judges a recording that ships with the package, for people who only installed it."""

import shlex
import shutil
import sys
from importlib import resources
from pathlib import Path

import click

from verifier.commands import screen, write_report
from verifier.errors import UsageError

SHAPES = ("phase1-regular", "phase1-guest")
SPANS, RECORDS = "spans.otlp.jsonl", "records.jsonl"
EXPECTED = {"satisfied": 2, "violated": 1}
"""How many of the recorded flows are what."""


@click.command(epilog="Example: verifier demo --out tryout   (then change a value in tryout/spans.otlp.jsonl)")
@click.option("--out", metavar="DIR", help="Copy the recording and its shapes there, to play with.", type=click.Path())
def demo(out: str | None) -> int:
    """Judge a recording that ships with the package: two flows that went right, and one that didn't.

    The exit code is 0 if all three are judged as they should be; `verifier check` would give 1.
    """
    from verifier.run import check
    from verifier.specfile import load_all

    with resources.as_file(resources.files("verifier") / "demo") as packaged:
        folder, shapes = (packaged, SHAPES) if out is None else _copied(packaged, Path(out))
        spans, records = str(folder / SPANS), str(folder / RECORDS)
        command = shlex.join(["verifier", "check", *shapes, "--spans", spans, "--records", records])
        about = (packaged / "README.md").read_text(encoding="utf-8").partition("\n\n")[0]
        screen().write(f"{about}\nIt is judged by\n\n    {command}\n\n")
        report = check(load_all(shapes), spans=spans, records=records)
    write_report(report, [("terminal", None)], max_explained=1)
    told = {str(word): sum(str(flow.verdict) == word for flow in report.flows) for word in EXPECTED}
    if told == EXPECTED and len(report.flows) == sum(EXPECTED.values()):
        return 0
    sys.stderr.write("verifier: the recording isn't judged as it should be: something in this installation is wrong\n")
    return 1


def _copied(packaged: Path, out: Path) -> tuple[Path, tuple[str, ...]]:
    """Where the copies are, and the copied shapes; nothing that is there is written over."""
    shapes = tuple(str(out / f"{name}.yaml") for name in SHAPES)
    there = [path for path in (*map(Path, shapes), out / SPANS, out / RECORDS) if path.exists()]
    if there:
        raise UsageError(f"--out {out}: {there[0]} is there already; give a folder that is new or empty")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (SPANS, RECORDS):
            shutil.copyfile(packaged / name, out / name)
        for name, copy in zip(SHAPES, shapes, strict=True):
            Path(copy).write_bytes((resources.files("verifier") / "shapes" / f"{name}.yaml").read_bytes())
    except OSError as error:
        raise UsageError(f"--out {out}: can't be written ({error.strerror}); give another folder") from error
    return out, shapes
