"""The command `verifier`: arguments -> calls, and exit codes.

In: a command line, environment variables (`VERIFIER_…`), `verifier.toml` or `[tool.verifier]`. Out: reports.
Exit codes: 0 satisfied, 1 violated, 2 usage or shape wrong, 3 inconclusive, pending or error, 4 source unreachable.
"""

import io
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from verifier import __version__
from verifier.errors import SourceError, UsageError, VerifierError
from verifier.progress import progress_bar

EXIT_USAGE, EXIT_UNDECIDED, EXIT_SOURCE = 2, 3, 4
CONFIG = ("verifier.toml", "pyproject.toml")
COMMANDS = ("check", "flows", "schema")
WORTH_A_LOOK = ("violated", "error", "inconclusive")
Progress = Callable[[str, int, int | None], None]


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command and exits with its code; no traceback reaches the user."""
    try:
        config = _config()
        code = cli.main(
            args=list(argv) if argv is not None else None,
            prog_name="verifier",
            standalone_mode=False,
            default_map=config,
            auto_envvar_prefix="VERIFIER",
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = EXIT_USAGE
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        code = 130
    except BrokenPipeError:  # the reader of our output has gone; nobody is left to tell
        code = EXIT_UNDECIDED
    except VerifierError as error:
        code = EXIT_SOURCE if isinstance(error, SourceError) else EXIT_USAGE
        _complain(str(error))
    except OSError as error:
        code = EXIT_USAGE
        _complain(f"standard output: can't be written ({error.strerror}); give a file: --report FORM=FILE")
    except MemoryError:
        _complain("out of memory; give fewer files at a time, or a narrower --flow")
        code = EXIT_UNDECIDED
    except Exception as error:
        if os.environ.get("VERIFIER_DEBUG"):
            raise
        _complain(
            f"internal error: {type(error).__name__}: {error}. This is a fault of the verifier, not of your flow; "
            "run again with VERIFIER_DEBUG=1 and report what it prints"
        )
        code = EXIT_UNDECIDED
    _leave(int(code or 0))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="verifier")
def cli() -> None:
    """Says whether a business flow through event-driven services went right, and proves it.

    Exit codes: 0 satisfied, 1 violated, 2 usage or shape wrong, 3 inconclusive, pending or error, 4 source unreachable.
    """


def _sources(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--records",
            multiple=True,
            metavar="URL",
            help="Where Kafka records are: a file, a folder. Repeat for more.",
        ),
        click.option(
            "--spans",
            multiple=True,
            metavar="URL",
            help="Where spans are: a file, a folder, - (stdin). Repeat for more.",
        ),
    ):
        command = option(command)
    return command


@cli.command(
    epilog="Example: verifier check phase1-regular phase1-guest --spans run.otlp.jsonl --records run.events.jsonl"
)
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE...")
@_sources
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
    **options: Any,
) -> int:
    """Judge flows by shapes: satisfied, violated, pending or inconclusive.

    SHAPE is the name of a shape that ships with the package, a file, or a folder.
    """
    from verifier.run import check as judge
    from verifier.specfile import load_all

    wanted = [_form(text) for text in reports]
    _once((*options["spans"], *options["records"]))
    with progress_bar() as progress:
        report = judge(
            load_all(shapes),
            params=dict(_pair(p) for p in params),
            uncertainty=_clocks(ctx),
            progress=progress,
            **options,
        )
    bad = [f for f in report.flows if f.verdict in WORTH_A_LOOK]
    worst = min(bad, key=lambda f: WORTH_A_LOOK.index(str(f.verdict)), default=None)
    if worst is not None and "-" not in (*options["spans"], *options["records"]):
        report = replace(report, again=_again(shapes, params, options, worst.key))
    _write(report, wanted, max_explained)
    return report.exit_code


@cli.command(epilog="Example: verifier flows --spans run.otlp.jsonl --records run.events.jsonl --flow 85e4cdbd")
@click.argument("shapes", nargs=-1, metavar="[SHAPE]...")
@_sources
@click.option("--flow", "keys", multiple=True, metavar="KEY", help="Show this flow row by row (a beginning will do).")
@click.option("--row", "ids", multiple=True, metavar="ID", help="Why a span, trace or message is in a flow, or isn't.")
@click.option("--strays", is_flag=True, help="Show only what is in no flow, and why.")
def flows(
    shapes: tuple[str, ...],
    spans: tuple[str, ...],
    records: tuple[str, ...],
    keys: tuple[str, ...],
    ids: tuple[str, ...],
    strays: bool,
) -> int:
    """Show what belongs together, and why; and what belongs to nothing.

    SHAPE says by which key; without one, the shapes that ship with the package.
    """
    from verifier import flowview
    from verifier.engine.plan import groups, names_of
    from verifier.flows import gather
    from verifier.run import read
    from verifier.specfile import load_all, shipped

    if not spans and not records:
        raise UsageError("nothing to read was given; give --spans FILE or --records FILE, or both")
    _once((*spans, *records))
    with progress_bar() as progress:
        evidence = read(spans, records, progress=progress)
    out: list[str] = []
    for group in groups(load_all(shapes or shipped())):
        correlation = group[0].flow
        found = gather(evidence.spans, evidence.records, correlation=correlation, attributes=names_of(group[0]))
        if strays:
            out += flowview.strays_by_reason(found.strays, correlation)
        for wanted in ids:
            out += flowview.about(found, wanted, correlation)
        for wanted in keys:
            matching = [f for key, f in found.flows.items() if key.startswith(wanted)]
            if not matching:
                raise UsageError(
                    f"--flow {wanted}: no flow's {correlation.key} begins so; there are {len(found.flows)} flows: "
                    f"verifier flows without --flow lists them"
                )
            for flow in matching:
                out += flowview.rows(flow, found)
        if not (strays or ids or keys):
            out += flowview.summary(found, correlation)
    for loss in evidence.losses:
        out.append(f"note: {loss.what or loss.kind} ({loss.where}, {loss.count} x)")
    click.echo(flowview.lines(out), nl=False)
    return 0


@cli.command(epilog="Example: verifier schema > shape.schema.json")
def schema() -> int:
    """Print the JSON Schema of shape files, for editors."""
    import json

    from verifier.specfile import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


# ---- arguments


def _once(urls: Sequence[str]) -> None:
    """Standard input can be read once."""
    if urls.count("-") > 1:
        raise UsageError("- is given twice: standard input can be read once; give a file for the other")


def _pair(text: str) -> tuple[str, str]:
    name, sep, value = text.partition("=")
    if not sep or not name or not value:
        raise UsageError(f"--param {text}: expected NAME=VALUE, e.g. hop=5s")
    return name, value


def _form(text: str) -> tuple[str, str | None]:
    from verifier.reports import forms

    form, _, file = text.partition("=")
    if form not in forms():
        raise UsageError(f"--report {text}: there is no form '{form}'; there are: {', '.join(forms())}")
    return form, file or None


def _write(report: Any, wanted: Sequence[tuple[str, str | None]], max_explained: int) -> None:
    from verifier.reports import write

    for form, file in wanted:
        if file is None or file == "-":
            write(report, form, out=_screen(), max_explained=max_explained)
            continue
        text = io.StringIO()
        write(report, form, out=text, color=False, max_explained=max_explained)
        try:
            Path(file).write_text(text.getvalue(), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"--report {form}={file}: can't be written ({error.strerror}); give a path in a folder that exists"
            ) from error
    if all(file not in (None, "-") for _, file in wanted):
        write(report, "terminal", out=_screen(), max_explained=max_explained)


def _screen() -> TextIO:
    """Standard output, with signs that its encoding lacks replaced instead of failing."""
    if sys.stdout is None:
        raise UsageError("standard output is closed; give a file: --report FORM=FILE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout


def _again(shapes: Sequence[str], params: Sequence[str], options: Mapping[str, Any], key: str) -> str:
    """The command that judges one flow again."""
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
    return shlex.join([*words, "--flow", key])


def _complain(text: str) -> None:
    """Says it on standard error, if somebody is left to read it."""
    with suppress(OSError, ValueError, AttributeError):
        for line in text.splitlines():
            click.echo(f"verifier: {line}", err=True)


def _leave(code: int) -> NoReturn:
    """Ends with this code, also where what is still to be written can't be: the exit code is the verdict."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


# ---- configuration


def _config() -> dict[str, Any]:
    """The options of `verifier.toml`, or of `[tool.verifier]` in pyproject.toml, as click's defaults."""
    import tomllib

    for name in CONFIG:
        path = Path(name)
        if not path.is_file():
            continue
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            if name == "pyproject.toml":  # not ours: whoever owns it will complain
                continue
            raise UsageError(f"{name}: it can't be read as TOML: {error}") from error
        if name == "pyproject.toml":
            found = found.get("tool", {}).get("verifier", {})
        if found:
            return _checked(found, name)
    return {}


def _checked(found: dict[str, Any], name: str) -> dict[str, Any]:
    import difflib

    known: dict[str, Sequence[str]] = {"clocks": ("uncertainty",)}
    for command in COMMANDS:
        options = [p for p in cli.commands[command].params if isinstance(p, click.Option)]
        known[command] = [o.opts[0].removeprefix("--") for o in options]
    out: dict[str, Any] = {}
    for table, values in found.items():
        if table not in known or not isinstance(values, dict):
            raise UsageError(f"{name}: there is no table [{table}]; there are: {', '.join(sorted(known))}")
        out[table] = {}
        for key, value in values.items():
            if key not in known[table]:
                near = difflib.get_close_matches(key, known[table], n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known[table])}"
                raise UsageError(f"{name}: [{table}] has no option '{key}'; {hint}")
            out[table][_parameter(table, key)] = value
    return out


def _parameter(command: str, option: str) -> str:
    """The name under which click knows an option."""
    for p in cli.commands[command].params if command in cli.commands else ():
        if f"--{option}" in p.opts and p.name:
            return p.name
    return option


def _clocks(ctx: click.Context) -> str | None:
    """`[clocks] uncertainty` of the configuration."""
    root = ctx.find_root().default_map or {}
    value = (root.get("clocks") or {}).get("uncertainty")
    if value is not None and not isinstance(value, str):
        raise UsageError(f'[clocks] uncertainty = {value!r}: expected a duration in quotes, e.g. "5ms"')
    return value
