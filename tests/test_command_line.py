"""The command line: exit codes, what is left behind when a run fails, names that were meant."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from verifier import cli
from verifier.reports.json import schema

DATA = Path(__file__).parent / "data" / "huleedu"
SPANS = str(DATA / "regular.otlp.jsonl")
RECORDS = str(DATA / "regular.events.jsonl")
OLD = '{"verdict": "satisfied"}'


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a command."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(args))
    screen = capsys.readouterr()
    assert "Traceback" not in screen.err
    return int(str(ended.value.code)), screen.out, screen.err


def report_of(path: Path) -> Any:
    """A JSON report, which fits its schema."""
    document = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator(schema()).validate(document)
    return document


@pytest.mark.parametrize(
    ("args", "kind", "code", "said"),
    [
        (["check", "phase1-regula", "--spans", SPANS], "usage", 2, "did you mean 'phase1-regular'"),
        (["check", "phase1-regular", "--spans", "/nowhere"], "source", 4, "/nowhere: cannot be read"),
        (["check", "phase1-regular", "--spans", SPANS, "--bogus"], "usage", 2, "--bogus"),
        (["check", "phase1-regular", "--spans", SPANS, "--at", "soon"], "usage", 2, "--at soon: expected end"),
        (["chek", "phase1-regular", "--spans", SPANS], "usage", 2, "chek"),
        (["check", "{bad}", "--spans", SPANS], "shape", 2, "bad.yaml:1:1: "),
    ],
)
def test_a_failed_run_leaves_no_earlier_report(
    args: list[str], kind: str, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file says that there is no verdict, and why; as text where its form can't."""
    (tmp_path / "bad.yaml").write_text("steps: {}\n")
    old, page = tmp_path / "report.json", tmp_path / "report.txt"
    old.write_text(OLD)
    page.write_text("satisfied")
    args = [word.replace("{bad}", str(tmp_path / "bad.yaml")) for word in args]
    found, _, _ = run(capsys, *args, "--report", f"json={old}", f"--report=terminal={page}")
    document = report_of(old)
    assert found == code == document["exit_code"]
    assert (document["verdict"], document["error"]["kind"]) == (None, kind)
    assert said in document["error"]["problems"][0]
    assert page.read_text().startswith("no verdict: ")
    assert said in page.read_text()


def test_a_report_that_is_asked_for_elsewhere_fails_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a variable of the environment, or by the configuration."""
    monkeypatch.chdir(tmp_path)
    for name in ("env.json", "config.json"):
        (tmp_path / name).write_text(OLD)
    (tmp_path / "verifier.toml").write_text('[check]\nreport = ["json=config.json"]\n')
    run(capsys, "check", "phase1-regular", "--spans", "/nowhere")
    assert report_of(tmp_path / "config.json")["exit_code"] == 4
    monkeypatch.setenv("VERIFIER_CHECK_REPORTS", "json=env.json")
    run(capsys, "check", "phase1-regular", "--spans", "/nowhere")
    assert report_of(tmp_path / "env.json")["exit_code"] == 4


def test_a_fault_of_the_verifier_leaves_no_earlier_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does the end of memory, nor of somebody's patience."""
    for error, kind, code in (
        (RuntimeError("x"), "internal", 3),
        (MemoryError(), "memory", 3),
        (KeyboardInterrupt(), "interrupted", 130),
    ):

        def fail(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("verifier.run.check", fail)
        (tmp_path / "report.json").write_text(OLD)
        found, _, _ = run(capsys, "check", "phase1-regular", "--spans", SPANS, f"--report=json={tmp_path}/report.json")
        document = report_of(tmp_path / "report.json")
        assert (found, document["exit_code"], document["error"]["kind"]) == (code, code, kind)


def test_a_failed_run_says_so_on_the_screen_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads the JSON there gets a document, not nothing."""
    code, out, err = run(capsys, "check", "phase1-regular", "--spans", "/nowhere", "--report", "json")
    assert (code, json.loads(out)["verdict"], json.loads(out)["exit_code"]) == (4, None, 4)
    assert err.startswith("verifier: /nowhere: cannot be read")


def test_a_report_that_was_written_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That another one can't be written does not undo it."""
    good = tmp_path / "good.json"
    args = ["check", "phase1-regular", "--spans", SPANS, "--records", RECORDS, "--report", f"json={good}"]
    code, _, err = run(capsys, *args, "--report", f"terminal={tmp_path}/no/such/report.txt")
    assert code == 2
    assert "can't be written" in err
    assert report_of(good)["verdict"] == "satisfied"


def test_the_report_says_how_the_command_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its exit code, whether strictness made it fail, and which shapes were given."""
    path = tmp_path / "report.json"
    args = ["check", "phase1-guest", "phase1-regular", "--spans", SPANS, "--records", RECORDS, "--report"]
    for more, strict in ([], False), (["--strict"], True):
        code, _, _ = run(capsys, *args, f"json={path}", *more)
        document = report_of(path)
        assert (document["exit_code"], document["strict"]) == (code, strict)
        assert document["shapes"] == ["phase1-guest", "phase1-regular"]
    assert code == 3


def test_the_schema_of_the_report_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside that of shapes; each field says what it means."""
    code, out, _ = run(capsys, "schema", "--report")
    assert (code, json.loads(out)) == (0, schema())
    for part in schema()["$defs"].values():
        for name, field in part.get("properties", {}).items():
            assert field.get("description"), name
    assert json.loads(run(capsys, "schema")[1])["title"] == "Shape"


def test_where_nothing_was_read_there_is_no_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not the first one of 1970."""
    (tmp_path / "empty.json").write_text('{"resourceSpans":[]}\n')
    path = tmp_path / "report.json"
    args = ["check", "phase1-regular", "--spans", str(tmp_path / "empty.json"), f"--report=json={path}"]
    code, out, _ = run(capsys, *args)
    assert (code, report_of(path)["at"]) == (3, None)
    assert "1970" not in out
    assert "nothing seen is never a pass" in out
    run(capsys, *args, "--at", "2026-01-01T00:00:00Z")
    assert report_of(path)["at"] == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(("columns", "most"), [("40", 40), ("20", 40), ("120", 120), ("wide", 80), ("", 80), ("0", 80)])
def test_columns_count_where_no_terminal_listens(
    columns: str, most: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe into a pager is as wide as COLUMNS says."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.chdir(DATA)
    _, out, _ = run(capsys, "check", "phase1-regular", "--spans", "regular.otlp.jsonl")
    lines = [line for line in out.splitlines() if not line.startswith("again: ")]
    assert most - 15 < max(map(len, lines)) <= most


def test_what_broke_off_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cause, one sentence, with the file's name once."""
    whole = gzip.compress(Path(SPANS).read_bytes())
    path = tmp_path / "half.gz"
    path.write_bytes(whole[: len(whole) // 2])
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "check", "phase1-regular", "--spans", "half.gz")
    story = " ".join(out.split("\n\n")[0].split())
    assert code == 3
    assert story.count("half.gz: its gzip data ends early") == 1
    assert story.count("broke off") == 1
    assert "truncated" not in story


@pytest.mark.parametrize("command", ["check", "flows"])
def test_telemetry_in_the_place_of_a_shape_is_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option was forgotten; what its content would mean as a shape is of no interest."""
    packed = tmp_path / "spans.gz"
    packed.write_bytes(gzip.compress(Path(SPANS).read_bytes()))
    code, _, err = run(capsys, command, "phase1-regular", SPANS, RECORDS, str(packed))
    assert code == 2
    assert err.splitlines() == [
        f"verifier: {SPANS}: holds spans, expected a shape; give it with --spans",
        f"verifier: {RECORDS}: holds records, expected a shape; give it with --records",
        f"verifier: {packed}: holds spans, expected a shape; give it with --spans",
    ]


@pytest.mark.parametrize(("typed", "meant"), [("--span", "--spans"), ("--pram", "--param"), ("--recrods", "--records")])
def test_a_misspelt_option_has_one_nearest(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not three to choose from."""
    code, _, err = run(capsys, "check", "phase1-regular", typed, "x")
    assert code == 2
    assert err.strip().endswith(f"Did you mean {meant}?") or err.strip().endswith(f"Did you mean '{meant}'?")
    assert "--at" not in err


# ---- flows

BATCH = "0b9499d1-52ad-49fd-a514-99c49017cee9"
CORRELATION = "55eb2f43-5c13-49fd-b395-29cd1ea830fb"
READ = ("--spans", SPANS, "--records", RECORDS)


def test_what_is_not_there_has_one_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """A flow or a row that was asked for by a wrong name: usage, with what may have been meant; all of them at once."""
    wrong = BATCH.replace("52ad", "52da")
    code, out, err = run(capsys, "flows", *READ, "--flow", wrong, "--row", CORRELATION[:8] + "x", "--row", "abc")
    assert (code, out) == (2, "")
    flow, row, short = err.splitlines()
    assert flow == f"verifier: --flow {wrong}: no flow's batch_id begins so; did you mean {BATCH}?"
    assert row.startswith(f"verifier: --row {CORRELATION[:8]}x: no span, trace, message or correlation id")
    assert short.endswith("verifier flows without --row lists the flows")
    code, _, err = run(capsys, "flows", *READ, "--flow", "nonsense", "--flow", BATCH[:8])
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith("there are 8: verifier flows without --flow lists them\n")


def test_one_sort_of_id_in_the_place_of_another_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A correlation id is no flow, a flow is no row."""
    assert f"it leads to {BATCH}: give that" in run(capsys, "flows", *READ, "--flow", CORRELATION)[2]
    assert f"it is a flow: --flow {BATCH[:6]} shows it" in run(capsys, "flows", *READ, "--row", BATCH[:6])[2]


def test_a_row_may_be_asked_for_by_any_id_and_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a span, a trace, a message, a record's place, a correlation id."""
    document = json.loads(Path(SPANS).read_text().split("\n")[0])
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    record = next(r for r in map(json.loads, Path(RECORDS).read_text().splitlines()) if "offset" in r)
    place = f"{record['topic']} {record['partition']}:{record['offset']}"
    for wanted in (span["spanId"], span["traceId"].upper(), place, f"[{place}]", record["value"]["event_id"]):
        code, whole, _ = run(capsys, "flows", *READ, "--row", wanted)
        assert code == 0
        assert "in batch_id=" in whole or "in no flow" in whole
    assert (
        run(capsys, "flows", *READ, "--row", span["spanId"][:9])[1]
        == run(capsys, "flows", *READ, "--row", span["spanId"])[1]
    )
    for wanted in (CORRELATION, CORRELATION[:8]):
        code, out, _ = run(capsys, "flows", *READ, "--row", wanted)
        assert (code, out.splitlines()[:3]) == (
            0,
            [f"correlation_id={CORRELATION}", "  leads to 1 flow", f"    batch_id={BATCH}"],
        )


@pytest.mark.parametrize("other", [("--flow", BATCH), ("--row", BATCH)])
def test_strays_go_alone(other: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is in no flow is of no flow."""
    code, _, err = run(capsys, "flows", *READ, "--strays", *other)
    assert code == 2
    assert f"--strays shows only what is in no flow, {other[0]} something else" in err


def test_flows_of_a_source_that_broke_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said first, once, and the exit code is that of what can't be told; also where a flow is not there."""
    monkeypatch.chdir(tmp_path)
    whole = gzip.compress(Path(SPANS).read_bytes())
    Path("half.gz").write_bytes(whole[: len(whole) // 2])
    code, out, _ = run(capsys, "flows", "--spans", "half.gz")
    assert code == 3
    assert out.splitlines()[0] == "not all was read: half.gz: its gzip data ends early; what came before was read"
    assert out.count("ends early") == 1
    code, _, err = run(capsys, "flows", "--spans", "half.gz", "--flow", "nonsense")
    assert code == 2
    assert "not all was read: half.gz: its gzip data ends early" in err


def test_flows_speaks_of_cycles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their parents were set aside, as `check` says too."""
    document = json.loads(Path(SPANS).read_text().split("\n")[0])
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["parentSpanId"] = span["spanId"]
    (tmp_path / "cycle.json").write_text(json.dumps(document))
    code, out, _ = run(capsys, "flows", "--spans", str(tmp_path / "cycle.json"))
    assert code == 0
    assert "note: 1 span is its own ancestor (a parent cycle): its parent was set aside" in out


def test_check_says_of_each_flow_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A flow that isn't there is inconclusive, also beside one that is satisfied; a beginning of several is none."""
    path = tmp_path / "report.json"
    check = ("check", "phase1-regular", "phase1-guest", *READ, f"--report=json={path}")
    code, _, _ = run(capsys, *check, "--flow", BATCH, "--flow", "nonsense")
    document = report_of(path)
    assert (code, document["verdict"], document["totals"]["satisfied"]) == (3, "inconclusive", 1)
    assert document["reason"] == "no flow batch_id=nonsense in these sources, which have 8 flows"
    assert run(capsys, *check, "--flow", "")[0] == 3
    assert report_of(path)["reason"].startswith(" begins 8 flows: 0b9499d1")


def test_a_list_where_one_value_is_meant_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that "['spans=lossy']" is no premise."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verifier.toml").write_text('[check]\nassume = ["spans=lossy"]\nspans = ["/nowhere"]\n')
    code, _, said = run(capsys, "check", "phase1-regular")
    assert (code, said.strip()) == (2, "verifier: verifier.toml: [check] assume is one value, not a list")
