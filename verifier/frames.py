"""A report as a table of pandas: one row per flow and assertion.

In: a `Report`. Out: a `pandas.DataFrame`. pandas (the extra `pandas`) is loaded here, when a table is asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verifier import wording
from verifier.errors import UsageError
from verifier.verdict import WORST_FIRST, AssertionVerdict, FlowVerdict, Judged, Report

if TYPE_CHECKING:
    import pandas

Columns = Mapping[str, str]
"""Name -> type of pandas; `moment` is datetime64[ns, UTC]."""

OF_REPORT: Columns = {
    "shape": "string",
    "key": "string",
    "flow_verdict": "string",
    "reason": "string",
    "opened": "moment",
    "last_seen": "moment",
    "spans": "Int64",
    "records": "Int64",
    "assertion": "string",
    "kind": "string",
    "at": "string",
    "verdict": "string",
    "due": "moment",
    "findings": "Int64",
    "finding": "string",
    "anomaly": "string",
    "title": "string",
    "step": "string",
    "service": "string",
}
_NOT_A_TIME, _LAST_NS = -(2**63), 2**63 - 1


def of_report(report: Report) -> "pandas.DataFrame":
    """One row per flow and assertion, in the order of the report; see `Report.to_frame`."""
    names = sorted({name for flow in report.flows for name in flow.facts})
    return table(
        [row for flow in report.flows for row in _rows(flow)],
        {**OF_REPORT, **{f"fact.{name}": "object" for name in names}},
        asked_by="Report.to_frame()",
    )


def table(rows: Sequence[Mapping[str, object]], columns: Columns, *, asked_by: str) -> "pandas.DataFrame":
    """Rows as a table with these columns; what a row doesn't say is missing. UsageError without pandas."""
    try:
        import pandas
    except ImportError as error:
        raise UsageError(f"{asked_by} needs the extra: pip install 'flow-verifier[pandas]'") from error
    found = {name: _column(pandas, [row.get(name) for row in rows], kind) for name, kind in columns.items()}
    return pandas.DataFrame(found, columns=list(columns))


def _column(pandas: Any, values: Sequence[Any], kind: str) -> Any:
    if kind != "moment":
        return pandas.Series(values, dtype=kind)
    import numpy  # pandas can't be without it

    known = [v if v is not None and abs(v) <= _LAST_NS else _NOT_A_TIME for v in values]
    exact = numpy.array(known, dtype="int64")  # never through floats, which lose nanoseconds
    return pandas.Series(exact.view("datetime64[ns]")).dt.tz_localize("UTC")


def _rows(flow: FlowVerdict) -> Iterator[Mapping[str, object]]:
    """A row for each assertion of a flow; one that says only the flow if it has none."""
    said = {
        "shape": flow.shape,
        "key": flow.key,
        "flow_verdict": None if flow.verdict is None else flow.verdict.value,
        "reason": flow.reason,
        "opened": flow.opened_ns,
        "last_seen": flow.last_seen_ns,
        "spans": flow.spans,
        "records": flow.records,
        **{f"fact.{name}": value for name, value in flow.facts.items()},
    }
    if not flow.assertions:
        yield said
    for assertion in flow.assertions:
        yield {**said, **_said(assertion)}


def _said(assertion: AssertionVerdict) -> Mapping[str, object]:
    """What a row says of its assertion: with the worst finding, the first where several are as bad."""
    worst: Judged | None = min(assertion.findings, key=lambda j: WORST_FIRST.index(j.verdict), default=None)
    finding = None if worst is None else worst.finding
    return {
        "assertion": assertion.id,
        "kind": assertion.kind,
        "at": assertion.at,
        "verdict": assertion.verdict.value,
        "due": assertion.due_ns,
        "findings": len(assertion.findings),
        "finding": None if finding is None else finding.word,
        "anomaly": None if finding is None else finding.anomaly,
        "title": None if worst is None else wording.headline(worst),
        "step": None if finding is None else finding.step,
        "service": None if finding is None else finding.service,
    }
