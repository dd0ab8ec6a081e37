"""A progress bar on standard error while something is read, for people; nothing where nobody looks, or has to wait.

In: nothing. Out: a context that gives a callback (what, done, total), or None if standard error is no terminal.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

Progress = Callable[[str, int, int | None], None]
PATIENCE_S = 1.0
"""What takes less needs no bar: it would only flash."""


@contextmanager
def progress_bar(clock: Callable[[], float] = time.monotonic) -> Iterator[Progress | None]:
    """A progress bar on standard error once something takes longer than a second, if that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    began = clock()
    bar: Bar | None = None
    tasks: dict[str, TaskID] = {}
    with ExitStack() as stack:

        def show(name: str, done: int, total: int | None) -> None:
            nonlocal bar
            if bar is None:
                if clock() - began < PATIENCE_S:
                    return
                bar = stack.enter_context(_bar())
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield show


def _bar() -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    return Bar(*columns, console=Console(stderr=True), transient=True)
