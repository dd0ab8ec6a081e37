"""The report for programs: its schema, the order of its keys, its bytes."""

import io
import json
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.reports import made
from verifier.reports import write
from verifier.spans import Loss
from verifier.verdict import AssertionVerdict, FlowVerdict, Report, Verdict

REPORTS = {
    "full": made.full(),
    "satisfied": made.satisfied(),
    "pending": made.pending(),
    "no shape": made.report(made.no_shape(), reason="no shape applies"),
    "empty": replace(made.satisfied(), flows=(), verdict=Verdict.INCONCLUSIVE, reason="nothing was read"),
}


def text(report: Report) -> str:
    """The report as JSON text."""
    out = io.StringIO()
    write(report, "json", out=out)
    return out.getvalue()


def loaded(report: Report) -> Any:
    """The report as it is read back."""
    return json.loads(text(report))


def schema() -> Any:
    """The schema that ships with the package."""
    return json.loads(resources.files("verifier.reports").joinpath("report.schema.json").read_text(encoding="utf-8"))


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it names, under the versioned name."""
    Draft202012Validator.check_schema(schema())
    assert schema()["$id"] == "flow-verifier/report/1"


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_fits_the_schema(name: str) -> None:
    """Every class of finding, every verdict, and nothing at all."""
    Draft202012Validator(schema()).validate(loaded(REPORTS[name]))


@pytest.mark.parametrize("where", ["report", "flow", "assertion", "finding", "evidence", "source"])
def test_the_schema_is_strict(where: str) -> None:
    """A key that the contract doesn't have is refused, at every level."""
    document = loaded(made.full())
    flow = next(f for f in document["flows"] if f["verdict"] == "violated")
    rule = next(a for a in flow["assertions"] if a["findings"])
    finding = rule["findings"][0]
    places = {"report": document, "flow": flow, "assertion": rule, "finding": finding}
    places |= {"evidence": finding["evidence"][0], "source": document["sources"][0]}
    places[where]["more"] = 1
    with pytest.raises(ValidationError):
        Draft202012Validator(schema()).validate(document)


def test_the_schema_wants_a_finding_where_something_is_wrong() -> None:
    """Violated, inconclusive or error without one is refused."""
    document = loaded(made.full())
    flow = next(f for f in document["flows"] if f["verdict"] == "violated")
    next(a for a in flow["assertions"] if a["verdict"] == "violated")["findings"] = []
    with pytest.raises(ValidationError):
        Draft202012Validator(schema()).validate(document)


def test_a_wrong_rule_without_a_finding_is_a_defect() -> None:
    """It is never written."""
    bare = AssertionVerdict(id="r-1", kind="r", at=None, verdict=Verdict.VIOLATED)
    with pytest.raises(AssertionError, match="r-1 is violated without a finding"):
        text(made.report(made.flow("b1", bare)))


def test_keys_stand_in_the_order_of_the_contract() -> None:
    """What is added stands after what was promised."""
    document = loaded(made.full())
    assert list(document) == [
        "schema", "verdict", "at", "verifier", "assume", "sources", "totals", "flows",
        "run_assertions", "unfired", "unmatched_steps", "reason", "notes",
    ]  # fmt: skip
    flow = document["flows"][1]
    assert list(flow) == [
        "shape", "key", "aliases", "traces", "revision", "facts", "opened", "last_seen", "spans", "records",
        "verdict", "reason", "assertions",
    ]  # fmt: skip
    rule = next(a for a in flow["assertions"] if a["findings"])
    assert list(rule) == ["id", "kind", "at", "verdict", "findings", "premises"]
    assert list(rule["findings"][0]) == [
        "finding", "verdict", "anomaly", "title", "step", "service", "expected", "observed", "basis", "premises",
        "absences", "settled_by", "reason", "evidence", "let", "then", "however",
    ]  # fmt: skip


def test_a_finding_reads_as_the_contract_has_it() -> None:
    """The example of the contract, field by field."""
    flow = next(f for f in loaded(made.full())["flows"] if f["verdict"] == "violated")
    rule = next(a for a in flow["assertions"] if a["id"] == "precedes-10")
    (finding,) = rule["findings"]
    assert flow["key"] == {"batch_id": "85e4cdbd-6a0b-4d93-9dbe-08d09b0e2d13"}
    assert rule["at"] == "phase1-regular.yaml:49"
    assert finding["finding"] == "misordered"
    assert finding["anomaly"] == "premature start"
    assert finding["title"] == "ready was handled before confirmed had finished"
    assert (finding["step"], finding["service"], finding["basis"]) == ("ready", made.BOS, "one clock")
    assert finding["absences"] == ["no further confirmed before 2026-11-22T22:01:06.981000Z"]
    assert finding["evidence"][1] == {
        "as": "confirmed",
        "trace_id": "00000000000000000000000000000001",
        "span_id": "0000000000000001",
        "service": made.BOS,
        "name": "kafka.consume.student_associations_confirmed",
        "start": "2026-11-22T22:01:07.412000Z",
        "end": "2026-11-22T22:01:07.530000Z",
        "url": None,
    }


def test_events_and_records_are_evidence_too() -> None:
    """An event has its name beside its span's; a record its place and both its times."""
    document = loaded(made.full())
    found = [e for f in document["flows"] for a in f["assertions"] for j in a["findings"] for e in j["evidence"]]
    event = next(e for e in found if "event" in e)
    assert (event["event"], event["name"]) == ("batch.status.transition", made.READY.name)
    assert event["start"] == event["end"] == "2026-11-22T22:00:08.000000Z"
    record = next(e for e in found if e.get("topic") == made.CONFIRMED)
    assert list(record) == ["as", "topic", "partition", "offset", "time", "seen"]
    assert (record["time"], record["seen"]) == ("2026-11-22T22:01:06.000000Z", "2026-11-22T22:01:06.020000Z")
    assert next(e for e in found if e.get("offset") == 7)["time"] is None


def test_what_is_pending_says_until_when() -> None:
    """Only what is pending has a due time."""
    satisfied, pending = loaded(made.report(made.good_flow(1), made.pending_flow()))["flows"]
    assert pending["due"] == "2026-11-23T23:05:00.000000Z"
    assert "due" not in satisfied
    assert pending["assertions"][0]["findings"][0]["title"].startswith("still awaited: ")


def test_a_flow_without_a_shape_is_listed() -> None:
    """With null for shape and verdict."""
    flow = loaded(made.report(made.no_shape(), reason="no shape applies"))["flows"][0]
    assert (flow["shape"], flow["verdict"]) == (None, None)


def test_losses_and_failed_sources_are_in_it() -> None:
    """A report that could not see everything says so."""
    first, second = loaded(made.full())["sources"]
    assert first["losses"][0] == {
        "kind": "orphan_parent",
        "where": "nlp_service",
        "count": 2,
        "what": "the parents of 2 spans were not seen",
    }
    assert (first["failed"], second["failed"]) == (None, "line 45 ends in the middle of a record")


def test_the_same_report_is_the_same_bytes() -> None:
    """Whatever order mappings were filled in; and the text ends with a newline."""
    one = made.flow("b1", made.rule("r-1", Verdict.SATISFIED), facts={"a": 1, "b": 2}, aliases={"x": ("1",), "y": ()})
    two = made.flow("b1", made.rule("r-1", Verdict.SATISFIED), facts={"b": 2, "a": 1}, aliases={"y": (), "x": ("1",)})
    assert text(made.report(one)) == text(made.report(two))
    assert text(made.report(one)).endswith("}\n")


def hostile() -> FlowVerdict:
    """A key with everything that a terminal might obey, and half a surrogate pair."""
    return made.flow("\x1b[2J\x9b\u202eå\ud800", made.rule("r-1", Verdict.SATISFIED), facts={"n": float("nan")})


def test_nothing_in_it_moves_a_terminal_and_nothing_is_lost() -> None:
    """Dangerous characters are escapes of JSON: the same text when read."""
    page = text(made.report(hostile()))
    assert not {"\x1b", "\x9b", "\u202e", "\ud800"} & set(page)
    assert "å" in page
    flow = json.loads(page)["flows"][0]
    assert flow["key"]["batch_id"] == "\x1b[2J\x9b\u202eå\ud800"
    assert flow["facts"] == {"n": "nan"}


def test_a_stream_of_ascii_gets_ascii() -> None:
    """Valid JSON, whatever the stream can write."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    write(made.report(hostile(), sources=()), "json", out=out)
    out.flush()
    assert json.loads(raw.getvalue())["flows"][0]["key"]["batch_id"].endswith("å\ud800")


def test_losses_of_unknown_places_fit_too() -> None:
    """A loss without a sentence."""
    source = replace(made.full().sources[0], losses=(Loss(kind="sampled", where=""),))
    Draft202012Validator(schema()).validate(loaded(made.report(sources=(source,))))
