"""The progress bar: for people who have to wait, and for nobody else."""

import io

import pytest

from verifier.progress import progress_bar


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, *moments: float) -> str:
    """What a bar writes that is told of progress at these moments after its begin."""
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    clock = iter((100.0, *(100.0 + moment for moment in moments)))
    with progress_bar(lambda: next(clock)) as progress:
        assert progress is not None
        for n, _ in enumerate(moments):
            progress("spans.json", n, len(moments))
    return screen.getvalue()


def test_short_work_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would flash and be gone."""
    assert shown(monkeypatch, 0.0, 0.2, 0.99) == ""


def test_long_work_shows_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a second on, with the name of what is read."""
    assert "spans.json" in shown(monkeypatch, 0.0, 1.0)


def test_where_no_terminal_listens_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log is not for bars."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with progress_bar() as progress:
        assert progress is None
