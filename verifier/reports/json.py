"""json: the whole report for programs, as `report.schema.json` beside this file describes it.

In: a `Report`. Out: one JSON document that ends with a newline, the same bytes for the same report.
The schema is a contract under the versioned name `SCHEMA`: it is widened, never broken.
"""

import json
import math
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, TextIO

from verifier import wording
from verifier.anomalies import weaker
from verifier.clock import INFINITY_NS
from verifier.diagnosis import Cause, Diagnosis, Repair
from verifier.flows import Row
from verifier.reports import Failure, Look
from verifier.shape import Scalar
from verifier.spans import Record
from verifier.verdict import AssertionVerdict, Evidence, FlowVerdict, Judged, Report, RunVerdict, SourceReport, Verdict

SCHEMA = "flow-verifier/report/1"
Json = dict[str, Any]
# what a terminal might obey or a stream can't encode: written as \uNNNN, which reads as the same text
_UNSAFE = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def write(report: Report, out: TextIO, _: Look) -> None:
    """Writes the report as JSON."""
    _write(document(report), out)


def write_failure(failure: Failure, out: TextIO) -> None:
    """Writes that a run came to no verdict, and why, as JSON."""
    error = {"kind": failure.kind, "problems": list(failure.problems)}
    _write({"schema": SCHEMA, "verdict": None, "exit_code": failure.exit_code, "error": error}, out)


def _write(found: Json, out: TextIO) -> None:
    text = json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False)
    text = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    try:
        text.encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(found, indent=2, allow_nan=False)
    out.write(text + "\n")


def schema() -> Json:
    """The JSON Schema (2020-12) of what is written here."""
    found: Json = json.loads(files("verifier.reports").joinpath("report.schema.json").read_text(encoding="utf-8"))
    return found


def document(report: Report) -> Json:
    """The report as plain data, keys in the order of the contract."""
    return {
        "schema": SCHEMA,
        "verdict": report.verdict.value,
        "at": _moment(report.at_ns or None),
        "verifier": report.version,
        "assume": report.assume,
        "sources": [_source(source) for source in report.sources],
        "totals": report.totals,
        "flows": [_flow(flow) for flow in report.flows],
        "run_assertions": [_across(run) for run in report.run_assertions],
        "unfired": list(report.unfired),
        "unmatched_steps": list(report.unmatched_steps),
        "reason": report.reason,
        "notes": list(report.notes),
        "exit_code": report.exit_code,
        "strict": report.strict,
        "shapes": list(report.shapes),
    }


def _source(source: SourceReport) -> Json:
    losses = [{"kind": x.kind, "where": x.where, "count": x.count, "what": x.what} for x in source.losses]
    return {
        "url": source.url,
        "spans": source.spans,
        "records": source.records,
        "losses": losses,
        "failed": source.failed,
    }


def _flow(flow: FlowVerdict) -> Json:
    due = {"due": _moment(flow.due_ns)} if flow.verdict is Verdict.PENDING else {}
    return {
        "shape": flow.shape,
        "key": {flow.name: flow.key},
        "aliases": {name: list(values) for name, values in sorted(flow.aliases.items())},
        "traces": list(flow.traces),
        "revision": flow.revision,
        "facts": _facts(flow.facts),
        "opened": _moment(flow.opened_ns),
        "last_seen": _moment(flow.last_seen_ns),
        "spans": flow.spans,
        "records": flow.records,
        "verdict": None if flow.verdict is None else flow.verdict.value,
        "reason": flow.reason,
        **due,
        "assertions": [_assertion(rule) for rule in flow.assertions],
        **_diagnosis(flow.diagnosis),
    }


def _diagnosis(diagnosis: Diagnosis | None) -> Json:
    """What is said of a flow as a whole, where it was diagnosed."""
    if diagnosis is None:
        return {}
    near = diagnosis.nearest
    different: Json | None = None
    if near is not None:
        different = {
            "key": near.key,
            "text": wording.nearest(near),
            "missing": [{"step": s, "here": here, "there": there} for s, here, there in near.missing],
            "extra": [{"step": s, "here": here, "there": there} for s, here, there in near.extra],
            "order": [list(pair) for pair in near.order],
            "values": [
                {"name": n, "here": wording.value(here), "there": wording.value(there)}
                for n, here, there in near.values
            ],
        }
    return {"causes": [_cause(c) for c in diagnosis.causes], "nearest": different, "capped": diagnosis.capped}


def _cause(cause: Cause) -> Json:
    return {
        "cause": cause.sort,
        "text": wording.cause(cause),
        "explains": [{"assertion": rule, "finding": number} for rule, number in cause.explains],
        "among": cause.among,
        "step": cause.step,
        "service": cause.service,
        "since": _moment(cause.since_ns),
        "follows": [s for s in cause.steps if s != cause.step],
    }


def _repair(repair: Repair | None) -> Json:
    if repair is None:
        return {}
    edits = [
        {"edit": e.sort, "text": wording.edit(e), "step": e.step, "service": e.service, "at": _moment(e.at_ns)}
        for e in repair.edits
    ]
    return {"repair": {"text": wording.repair(repair), "edits": edits, "least": repair.least}}


def _witness(judged: Judged) -> Json:
    """The smallest set of observations that gives the finding, and the same as a sketch."""
    if judged.witness is None:
        return {}
    rows = [_row(row) for row in judged.witness.rows]
    facts = _facts(judged.witness.facts)
    return {"witness": {"observations": rows, "facts": facts, "sketch": wording.sketch(judged)}}


def _row(row: Row) -> Json:
    if isinstance(row, Record):
        return {"topic": row.topic, "partition": row.partition, "offset": row.offset}
    return {"trace_id": row.trace_id, "span_id": row.span_id}


def _facts(facts: Mapping[str, Scalar]) -> Json:
    """JSON has no infinity and no NaN: they are written as text."""
    return {n: str(v) if isinstance(v, float) and not math.isfinite(v) else v for n, v in sorted(facts.items())}


def _assertion(rule: AssertionVerdict) -> Json:
    proven = rule.verdict in (Verdict.SATISFIED, Verdict.VACUOUS, Verdict.PENDING)
    assert proven or rule.findings, f"{rule.id} is {rule.verdict} without a finding"
    excused = {"excused": [_evidence(e) for e in rule.excused]} if rule.excused else {}
    due = {"due": _moment(rule.due_ns)} if rule.verdict is Verdict.PENDING else {}
    return {
        "id": rule.id,
        "kind": rule.kind,
        "at": rule.at,
        "verdict": rule.verdict.value,
        **due,
        "findings": [_finding(judged) for judged in rule.findings],
        "premises": list(rule.premises),
        **excused,
        **_repair(rule.repair),
    }


def _across(run: RunVerdict) -> Json:
    return {"shape": run.shape, "flows": run.flows, **_assertion(run.rule)}


def _finding(judged: Judged) -> Json:
    finding = judged.finding
    return {
        "finding": finding.word,
        "verdict": judged.verdict.value,
        "anomaly": finding.anomaly,
        "title": wording.headline(judged),
        "step": finding.step,
        "service": finding.service,
        "expected": wording.expected(finding),
        "observed": wording.observed(finding),
        "basis": wording.basis(finding),
        "premises": list(judged.premises),
        "absences": [wording.absence(absence) for absence in finding.absences],
        "settled_by": judged.settled_by,
        "reason": judged.reason,
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "let": wording.let(finding),
        "then": wording.then(finding),
        "however": wording.however(judged),
        **({"weaker": list(names)} if (names := weaker(finding.anomaly)) else {}),
        **_witness(judged),
    }


def _evidence(evidence: Evidence) -> Json:
    of, row = evidence.of, evidence.of.row
    start, end = _moment(evidence.start.lo), _moment(evidence.end.hi)
    flow = {} if evidence.flow is None else {"flow": evidence.flow}
    if isinstance(row, Record):
        place = {"topic": row.topic, "partition": row.partition, "offset": row.offset}
        return {"as": evidence.role, **flow, **place, "time": start, "seen": wording.moment(row.seen_ns)}
    return {
        "as": evidence.role,
        **flow,
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "service": row.service,
        "name": row.name,
        **({} if of.event is None else {"event": of.event.name}),
        "start": start,
        "end": end,
        "url": None,
    }


def _moment(ns: int | None) -> str | None:
    """A moment; None where nothing tells it."""
    return None if ns is None or abs(ns) >= INFINITY_NS // 2 else wording.moment(ns)
