"""Ways to write a report: one file per form, found by its name.

In: a `Report` and the name of a form. Out: text on a stream. A form is a module `verifier/reports/FORM.py` with a
function `write(report, out, look)`; adding the file adds the form. `write_failure(failure, out)` of it is asked where
a run comes to no verdict, so that no earlier report is taken for its own.
"""

import difflib
import importlib
import pkgutil
from dataclasses import dataclass
from typing import TextIO

from verifier.errors import UsageError
from verifier.verdict import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a report is to look, where its form can: None leaves it to the stream.

    `max_explained`: in how many flows one rule is explained; the others are counted.
    """

    color: bool | None = None
    width: int | None = None
    max_explained: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A run that came to no verdict: `kind` is usage, shape, source, memory, interrupted or internal."""

    kind: str
    problems: tuple[str, ...]
    exit_code: int


def forms() -> tuple[str, ...]:
    """The names of all forms, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def write(
    report: Report,
    form: str,
    *,
    out: TextIO,
    color: bool | None = None,
    width: int | None = None,
    max_explained: int = 10,
) -> None:
    """Writes the report to `out` in a form. UsageError if there is no such form.

    write(report, "terminal", out=sys.stdout)
    """
    names = forms()
    if form not in names:
        near = difflib.get_close_matches(form, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
        raise UsageError(f"--report {form}: there is no such form; {hint}")
    look = Look(color=color, width=width, max_explained=max_explained)
    importlib.import_module(f"{__name__}.{form}").write(report, out, look)


def write_failure(failure: Failure, form: str, *, out: TextIO) -> None:
    """Writes, where a report should be, why there is none: in the form if it has a `write_failure`, else as text."""
    own = getattr(importlib.import_module(f"{__name__}.{form}"), "write_failure", None)
    if own is not None:
        own(failure, out)
    else:
        out.write("".join(f"no verdict: {problem}\n" for problem in failure.problems))


__all__ = ["Failure", "Look", "forms", "write", "write_failure"]
