"""The commands: one file each, found by its name; and what several of them share.

In: click's arguments. Out: an exit code. A file `verifier/commands/NAME.py` holds one click command named `NAME`.
"""

import importlib
import io
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from verifier.errors import UsageError

if TYPE_CHECKING:
    from verifier.reports import Failure


class UnwritableError(UsageError):
    """A report can't be written to where it should be; the others were."""


def found() -> Mapping[str, click.Command]:
    """Every command by its name, sorted."""
    out: dict[str, click.Command] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        out[module.name] = getattr(importlib.import_module(f"{__name__}.{module.name}"), module.name)
    return out


def sources(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--spans` and `--records`."""
    for option in (
        click.option(
            "--records",
            multiple=True,
            metavar="URL",
            help="Where Kafka records are: a file, a folder, kafka://HOST:PORT/TOPIC. Repeat for more.",
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


def no_telemetry(shapes: Sequence[str]) -> None:
    """UsageError for a file of spans or records that stands where a shape should: its option was forgotten."""
    from verifier.sources import holds

    wrong = []
    for path in shapes:
        what = holds(path)
        if what is not None:
            wrong.append(f"{path}: holds {what}, expected a shape; give it with --{what}")
    if wrong:
        raise UsageError("\n".join(wrong))


def once(urls: Sequence[str]) -> None:
    """Standard input can be read once."""
    if urls.count("-") > 1:
        raise UsageError("- is given twice: standard input can be read once; give a file for the other")


def pair(text: str) -> tuple[str, str]:
    """(name, value) of a `--param`."""
    name, sep, value = text.partition("=")
    if not sep or not name or not value:
        raise UsageError(f"--param {text}: expected NAME=VALUE, e.g. hop=5s")
    return name, value


def form_of(text: str) -> tuple[str, str | None]:
    """(form, file) of a `--report`."""
    from verifier.reports import forms

    form, _, file = text.partition("=")
    if form not in forms():
        raise UsageError(f"--report {text}: there is no form '{form}'; there are: {', '.join(forms())}")
    return form, file or None


def write_report(report: Any, wanted: Sequence[tuple[str, str | None]], max_explained: int) -> None:
    """Writes a report in every form that was asked for; on the screen unless another form goes there."""
    from verifier.reports import write

    for form, file in wanted:
        if file is None or file == "-":
            write(report, form, out=screen(), max_explained=max_explained)
            continue
        text = io.StringIO()
        write(report, form, out=text, color=False, max_explained=max_explained)
        try:
            Path(file).write_text(text.getvalue(), encoding="utf-8")
        except OSError as error:
            raise UnwritableError(
                f"--report {form}={file}: can't be written ({error.strerror}); give a path in a folder that exists"
            ) from error
    if all(file not in (None, "-") for _, file in wanted):
        write(report, "terminal", out=screen(), max_explained=max_explained)


def asked_reports(args: Sequence[str], command: click.Command, given: Sequence[str]) -> list[tuple[str, str | None]]:
    """The (form, file) of each `--report` that a command line asks for, or else `given`; those that make sense.

    It reads the words itself: click has none of them when it refuses a line.
    """
    if not any(option.name == "reports" for option in command.params):
        return []
    texts = [args[i + 1] for i, word in enumerate(args[:-1]) if word == "--report"]
    texts += [word.removeprefix("--report=") for word in args if word.startswith("--report=")]
    out = []
    for text in texts or given:
        with suppress(UsageError):
            out.append(form_of(text))
    return out


def write_failures(failure: "Failure", wanted: Sequence[tuple[str, str | None]]) -> list[str]:
    """Writes in place of each report why there is none; what can't be written is returned as sentences."""
    from verifier.reports import write_failure

    problems = []
    for form, file in wanted:
        text = io.StringIO()
        write_failure(failure, form, out=text)
        if file in (None, "-"):
            if form != "terminal":  # there it stands on standard error
                with suppress(OSError, ValueError, UsageError):
                    screen().write(text.getvalue())
            continue
        try:
            Path(str(file)).write_text(text.getvalue(), encoding="utf-8")
        except OSError as error:
            problems.append(f"--report {form}={file}: can't be written ({error.strerror}); what is there is older")
    return problems


def screen() -> TextIO:
    """Standard output, with signs that its encoding lacks replaced instead of failing."""
    if sys.stdout is None:
        raise UsageError("standard output is closed; give a file: --report FORM=FILE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout
