"""The report for people: golden texts, width, colour, order, bounds. UPDATE_GOLDEN=1 writes the golden texts anew."""

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reports import made
from verifier.reports import write
from verifier.reports.terminal import shorten
from verifier.verdict import Report, Verdict

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
REPORTS = {
    "full": made.full(),
    "satisfied": made.satisfied(),
    "many": made.satisfied(33),
    "pending": made.pending(),
    "failed": replace(made.satisfied(2), verdict=Verdict.INCONCLUSIVE, reason="a source broke off: run: line 45"),
    "strict": replace(made.satisfied(1), strict=True, unmatched_steps=("phase1-regular:pipeline",)),
    "nothing": made.report(made.no_shape(), reason="no shape applies to any flow: every guard is false"),
}


def text(report: Report, *, color: bool | None = None, width: int | None = None, max_explained: int = 10) -> str:
    """The report as it is written to a stream that is no terminal."""
    out = io.StringIO()
    write(report, "terminal", out=out, color=color, width=width, max_explained=max_explained)
    return out.getvalue()


@pytest.mark.parametrize("name", REPORTS)
def test_golden(name: str) -> None:
    """The text is the one that was reviewed."""
    file, seen = GOLDEN / f"{name}.txt", text(REPORTS[name])
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(seen, encoding="utf-8")
    assert seen == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", REPORTS)
def test_no_line_is_wider_than_asked(name: str, width: int) -> None:
    """All but the command, which is to be copied."""
    lines = text(REPORTS[name], width=width).splitlines()
    assert max(len(line) for line in lines if not line.startswith("again: ")) <= width


def test_names_wrap_and_are_never_cut() -> None:
    """A long shape and a long key are whole, in pieces: in the table, and above it."""
    shape, key = "phase1-" + "very-" * 10 + "long", "long key " * 10 + "end"
    lost = made.rule("r-1", Verdict.VIOLATED, made.sure(made.lost()))
    lines = text(made.report(made.flow(key, lost, shape=shape))).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("flow "))
    column = slice(lines[start].index("shape"), lines[start].index("verdict"))
    assert "".join(line[column].strip() for line in lines[start + 1 : lines.index("", start)]) == shape
    assert f"violated{shape}batch_id={key.replace(' ', '')}" in "".join("".join(lines).split())


def test_plain_when_piped_and_colour_only_adds() -> None:
    """Without its escape codes the coloured text is the plain one."""
    plain, colored = text(made.full()), text(made.full(), color=True)
    assert "\x1b" not in plain
    assert ESCAPE.search(colored)
    assert ESCAPE.sub("", colored) == plain


def test_a_terminal_gets_colour_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR and color=False both mean none."""

    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    def shown(color: bool | None) -> str:
        out = Tty()
        write(made.full(), "terminal", out=out, color=color, width=80)
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" in shown(None)
    assert "\x1b" not in shown(False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(None)


def test_environment_does_not_colour_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that make other tools colour their pipes change nothing here."""
    plain = text(made.full())
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    assert text(made.full()) == plain


def test_the_first_line_is_the_whole_story() -> None:
    """Verdict, how many of how many, which, and why; steps that matched nothing come next."""
    lines = text(made.full(), width=200).splitlines()
    assert lines[0] == (
        "violated: 1 of 6 flows (1 more judged by no shape): phase1-regular batch_id=85e4cdbd…: "
        "requested did not follow command within 5m"
    )
    assert lines[1].startswith("steps that matched nothing in any flow: phase1-regular:els_confirmed, ")
    assert lines[2].startswith("run.events.jsonl broke off: ")
    assert lines[3].startswith("observations may be missing in run.otlp.jsonl: 2 × orphan parent at nlp_service")


@pytest.mark.parametrize(
    ("report", "first"),
    [
        (made.satisfied(), "satisfied: 8 of 8 flows, 8 rules checked"),
        (
            made.pending(),
            "pending: 1 of 2 flows, the next due at 2026-11-23T23:05:00.000000Z: phase1-regular batch_id=b7000004…: "
            "still awaited: by_teacher or by_timeout within 25h 5m of suggested, by",
        ),
        (
            made.report(made.unknown_flow()),
            "inconclusive: 1 of 1 flow: phase1-regular batch_id=b7000003…: "
            "class_type is unknown: no place answers: attribute class_type",
        ),
        (
            replace(made.report(made.violated_flow()), verdict=Verdict.INCONCLUSIVE, reason="a source broke off"),
            "inconclusive: a source broke off; 1 of 1 flow violated",
        ),
        (REPORTS["strict"], "satisfied: 1 of 1 flow, 1 rule checked; but strict: 1 step matched nothing"),
    ],
)
def test_each_verdict_has_its_first_line(report: Report, first: str) -> None:
    """Also where nothing is wrong, nothing is due, or a source broke off."""
    assert text(report, width=200).splitlines()[0] == first


def test_a_flow_judged_by_two_shapes_counts_once() -> None:
    """The numbers of the first line are of flows."""
    twice = (made.good_flow(1), replace(made.good_flow(1), shape="phase1-guest"))
    assert text(made.report(*twice)).startswith("satisfied: 1 of 1 flow, 2 rules checked\n")


def test_what_is_wrong_comes_before_what_is_not_known() -> None:
    """Violated, error, inconclusive, pending, the table, and the command last."""
    page = text(made.full())
    headings = [
        "\nviolated phase1",
        "\nerror phase1",
        "\ninconclusive phase1",
        "\npending phase1",
        "\nflow ",
        "\nagain: ",
    ]
    places = [page.index(heading) for heading in headings]
    assert places == sorted(places)
    assert page.splitlines()[-1].startswith("again: verifier check phase1-regular ")


@pytest.mark.parametrize("most", [0, 3, 10])
def test_a_rule_is_explained_so_many_times(most: int) -> None:
    """The other flows are counted."""
    lost = made.rule("leads_to-5", Verdict.VIOLATED, made.sure(made.lost()))
    page = text(made.report(*(made.flow(f"b{n:07d}-x", lost) for n in range(15))), max_explained=most)
    assert page.count("violated leads_to-5 (") == most
    assert f"phase1-regular leads_to-5: and {15 - most} more flows" in page


def test_the_table_bounds_satisfied_flows() -> None:
    """Twenty rows, then a count."""
    page = text(made.satisfied(32))
    assert len(re.findall(r"^c\d{7}…", page, re.M)) == 20
    assert "and 12 more satisfied\n" in page


@pytest.mark.parametrize(
    ("keys", "short"),
    [
        (["85e4cdbd-6a0b-4d93", "95e4cdbd-6a0b-4d93"], ["85e4cdbd…", "95e4cdbd…"]),
        (["85e4cdbd-6a0b-4d93", "85e4cdbd-7a0b-4d93"], ["85e4cdbd-6…", "85e4cdbd-7…"]),
        (["batch-0000000001", "batch-0000000002"], ["batch-0000000001", "batch-0000000002"]),
        (["b1", "b1"], ["b1", "b1"]),
    ],
)
def test_keys_are_shortened_only_as_far_as_they_stay_unique(keys: list[str], short: list[str]) -> None:
    """Whole where shortening saves little."""
    names = shorten(keys)
    assert [names[key] for key in keys] == short


def test_a_stream_that_cannot_write_a_sign_gets_its_number() -> None:
    """Never an exception because of an encoding."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    write(made.full(), "terminal", out=out)
    out.flush()
    assert rb"85e4cdbd\u2026" in raw.getvalue()


def test_telemetry_cannot_break_the_terminal() -> None:
    """Control characters of keys, names, addresses and reasons are written out."""
    evil = "\x1b[2J\x07\u202e\nx"
    row = replace(made.FAILED, service=evil, name=evil)
    failed = replace(made.failed(), service=evil, message=evil, evidence=(made.seen("failed", row),))
    flow = made.flow(evil, made.rule("r-1", Verdict.VIOLATED, made.sure(failed)), reason=evil)
    source = replace(made.full().sources[0], url=evil, failed=evil)
    page = text(made.report(flow, sources=(source,), notes=(evil,), reason=evil, again=evil))
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    assert "\\x1b[2J" in page


SCRIPT = """
import io, sys
sys.path.insert(0, {root!r})
from tests.reports import made
from verifier.reports import write
for form in ("terminal", "json"):
    out = io.StringIO()
    write(made.full(), form, out=out)
    sys.stdout.buffer.write(out.getvalue().encode())
"""


def test_hash_seeds_change_nothing() -> None:
    """The same bytes in any process."""
    pages = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT.format(root=str(ROOT))],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert pages[0] == pages[1] != b""
