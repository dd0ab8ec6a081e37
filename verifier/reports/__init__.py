"""Ways to write a report: one file per form, found by its name.

In: a `Report` and the name of a form. Out: text on a stream. A form is a module `verifier/reports/FORM.py` with a
function `write(report, out, look)`; adding the file adds the form.
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


__all__ = ["Look", "forms", "write"]
