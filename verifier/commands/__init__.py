"""The commands: one file each, found by its name; and what several of them share.

In: click's arguments. Out: an exit code. A file `verifier/commands/NAME.py` holds one click command named `NAME`.
"""

import importlib
import io
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from verifier.errors import UsageError


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
            raise UsageError(
                f"--report {form}={file}: can't be written ({error.strerror}); give a path in a folder that exists"
            ) from error
    if all(file not in (None, "-") for _, file in wanted):
        write(report, "terminal", out=screen(), max_explained=max_explained)


def screen() -> TextIO:
    """Standard output, with signs that its encoding lacks replaced instead of failing."""
    if sys.stdout is None:
        raise UsageError("standard output is closed; give a file: --report FORM=FILE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout
