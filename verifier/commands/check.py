"""verifier check: judge flows by shapes."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from verifier.commands import form_of, no_telemetry, once, pair, sources, write_report
from verifier.errors import UsageError
from verifier.progress import progress_bar

if TYPE_CHECKING:
    from verifier.verdict import Report

OTLP = "otlp://"
WORTH_A_LOOK = ("violated", "error", "inconclusive")


@click.command(
    short_help="Judge flows by shapes: what went right, and what didn't.",
    epilog="Example: verifier check phase1-regular phase1-guest --spans run.otlp.jsonl --records run.events.jsonl",
)
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE...")
@sources
@click.option("--flow", "flows", multiple=True, metavar="KEY", help="Judge this flow only. Repeat for more.")
@click.option("--correlation-id", "correlation_ids", multiple=True, metavar="ID", help="Judge the flows it leads to.")
@click.option(
    "--expect", multiple=True, metavar="KEY=VALUE,FACT=VALUE", help="A flow that must be there, with known facts."
)
@click.option(
    "--at", default="end", show_default=True, metavar="TIME", help="Judge as of: end, +26h after the end, an ISO time."
)
@click.option(
    "--assume",
    default="complete",
    show_default=True,
    metavar="PREMISE",
    help="complete, lossy, spans=lossy or records=lossy.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a param of the shapes, e.g. hop=5s.")
@click.option("--clock-jump", "clock_jumps", multiple=True, metavar="25h@TIME", help="The business clock was advanced.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FORM[=FILE]",
    help="terminal, json; repeat. Terminal unless another one goes to the screen.",
)
@click.option(
    "--deadline", metavar="DURATION", help="With --spans otlp://…: so long spans are received, at most.  [default: 30s]"
)
@click.option("--journal", metavar="DIR", help="With --spans otlp://…: where they are kept.", type=click.Path())
@click.option("--strict", is_flag=True, help="Unmatched steps and rules that never fired give exit code 3.")
@click.option(
    "--max-explained", default=10, show_default=True, metavar="N", type=click.IntRange(min=0), help="Explain so many."
)
@click.pass_context
def check(
    ctx: click.Context,
    /,
    shapes: tuple[str, ...],
    params: tuple[str, ...],
    reports: tuple[str, ...],
    max_explained: int,
    deadline: str | None,
    journal: str | None,
    **options: Any,
) -> int:
    """Judge flows by shapes: satisfied, violated, pending or inconclusive.

    SHAPE is the name of a shape that ships with the package, a file, or a folder. With --spans otlp://127.0.0.1:4318
    it receives spans until the deadline, or until the answer for the named flows is final.
    """
    from verifier.run import check as judge
    from verifier.specfile import load_all

    wanted = [form_of(text) for text in reports]
    once((*options["spans"], *options["records"]))
    no_telemetry(shapes)
    loaded = load_all(shapes)
    asked: dict[str, Any] = {
        "params": dict(pair(p) for p in params),
        "uncertainty": _clocks(ctx),
        "outages": (ctx.find_root().default_map or {}).get("outages") or (),
        "max_explained": max_explained,
    }

    def judged(**given: Any) -> "Report":
        with progress_bar() as progress:
            return judge(loaded, progress=progress, **asked, **given)

    if any(url.startswith(OTLP) for url in options["spans"]):
        if ctx.get_parameter_source("assume") is ParameterSource.DEFAULT:
            options["assume"] = "spans=lossy"
        report = _received(judged, options, deadline, journal)
    elif deadline is not None or journal is not None:
        option = "--deadline" if deadline is not None else "--journal"
        raise UsageError(f"{option}: is for spans that are received while it waits: --spans otlp://127.0.0.1:4318")
    else:
        report = judged(**options)
    bad = [f for f in report.flows if f.verdict in WORTH_A_LOOK]
    worst = min(bad, key=lambda f: WORTH_A_LOOK.index(str(f.verdict)), default=None)
    across = any(str(run.rule.verdict) in WORTH_A_LOOK for run in report.run_assertions)
    if (worst is not None or across) and "-" not in (*options["spans"], *options["records"]):
        report = replace(report, again=_again(shapes, params, options, worst.key if worst is not None else None))
    write_report(report, wanted, max_explained)
    return report.exit_code


def _received(
    judged: Callable[..., "Report"], options: dict[str, Any], deadline: str | None, journal: str | None
) -> "Report":
    """Judges what comes until the answer is final; `options` then name where it was kept."""
    from verifier.listen import DEADLINE, forget, listening
    from verifier.options import parse_duration

    (url, *others) = [url for url in options["spans"] if url.startswith(OTLP)]
    rest = tuple(url for url in options["spans"] if not url.startswith(OTLP))
    if others or "-" in (*rest, *options["records"]):
        raise UsageError(f"--spans {url}: beside it there can be neither another such address nor standard input")
    deadline_s = parse_duration(deadline or DEADLINE, "--deadline") / 1e9
    # What is taken as complete is so at the deadline, not before; and who names no flow means all that may yet come.
    named = options["flows"] or options["expect"]
    early = bool(named) and not options["correlation_ids"] and options["assume"] == "spans=lossy"
    with listening(url, journal=journal) as here:
        report = here.judged(
            lambda: judged(**{**options, "spans": (here.reading(), *rest)}), deadline_s=deadline_s, early=early
        )
    options["spans"] = (str(here.folder), *rest)
    if journal is None and (report.exit_code == 0 or here.empty):
        forget(here.folder)
    return report


def _again(shapes: Sequence[str], params: Sequence[str], options: Mapping[str, Any], key: str | None) -> str:
    """The command that judges one flow again; all that were judged, if it is about no single one."""
    words = ["verifier", "check", *shapes]
    for name in ("spans", "records"):
        words += [w for value in options[name] for w in (f"--{name}", value)]
    words += [w for p in params for w in ("--param", p)]
    words += [w for j in options["clock_jumps"] for w in ("--clock-jump", j)]
    words += [w for e in options["expect"] for w in ("--expect", e)]
    for name, usual in (("at", "end"), ("assume", "complete")):
        if options[name] != usual:
            words += [f"--{name}", options[name]]
    words += ["--strict"] if options["strict"] else []
    words += [w for f in options["flows"] for w in ("--flow", f)] if key is None else ["--flow", key]
    words += [w for c in options["correlation_ids"] for w in ("--correlation-id", c)] if key is None else []
    return shlex.join(words)


def _clocks(ctx: click.Context) -> str | None:
    """`[clocks] uncertainty` of the configuration."""
    root = ctx.find_root().default_map or {}
    value = (root.get("clocks") or {}).get("uncertainty")
    if value is not None and not isinstance(value, str):
        raise UsageError(f'[clocks] uncertainty = {value!r}: expected a duration in quotes, e.g. "5ms"')
    return value
