"""Tables of pandas: `Report.to_frame()` and `verifier.step_times()`.

In: reports made by hand, and recorded batches. Out: columns with their types, a row for each flow and assertion, a row
for each occurrence of a step; nothing lost on the way through numpy.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

import verifier
from tests.reports import made
from verifier.errors import SpecError, UsageError
from verifier.frames import OF_REPORT
from verifier.spans import Reading, Record, Span
from verifier.specfile import loads
from verifier.steptimes import COLUMNS
from verifier.verdict import Report, Verdict

DATA = Path(__file__).parent / "data" / "huleedu"
MOMENT = "datetime64[ns, UTC]"
SHAPE = """
shape: s
flow: {key: k}
facts: {sort: [{attribute: sort}]}
when: {sort: a}
steps:
  one: {service: a, span: one, identity: [id]}
  two: {record: topic}
  gone: {span: gone}
assertions: [no_errors: {}]
"""


def span(name: str, start_ns: int, end_ns: int, **attributes: object) -> Span:
    """A span of flow f with the fact that the shape asks for."""
    plain = made.span("a", name, start_ns, end_ns, number=start_ns % 1000)
    return replace(plain, attributes={"k": "f", "sort": "a", **attributes})


def types_of(frame: pandas.DataFrame) -> dict[str, str]:
    """Each column's type by its name."""
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


# ---- reports


def test_columns_have_the_types_that_are_promised() -> None:
    """Text is string, counts are Int64, times are timestamps in UTC to the nanosecond, facts are what they are."""
    wanted = {name: MOMENT if kind == "moment" else kind for name, kind in OF_REPORT.items()}
    frame = made.full().to_frame()
    facts = sorted({f"fact.{n}" for f in made.full().flows for n in f.facts})
    assert facts
    assert types_of(frame) == wanted | dict.fromkeys(facts, "object")
    assert list(frame.columns) == [*OF_REPORT, *facts]
    for name in OF_REPORT:
        assert name in (Report.to_frame.__doc__ or ""), f"{name} is not in the docstring"


def test_an_empty_report_has_the_columns_and_no_row() -> None:
    """Code that reads a table needs no case of its own for nothing."""
    empty = replace(made.report(), flows=()).to_frame()
    assert len(empty) == 0
    assert types_of(empty) == {n: k for n, k in types_of(made.full().to_frame()).items() if not n.startswith("fact.")}


def test_there_is_one_row_for_each_flow_and_assertion() -> None:
    """In the order of the report; a flow to which no shape applies has one row without an assertion."""
    report = made.full()
    frame = report.to_frame()
    wanted = [(f.key, a.id) for f in report.flows for a in f.assertions] + [(made.no_shape().key, None)]
    found = [(k, None if pandas.isna(a) else a) for k, a in zip(frame.key, frame.assertion, strict=True)]
    assert sorted(found, key=str) == sorted(wanted, key=str)
    (none,) = frame[frame.key == made.no_shape().key].to_dict("records")
    assert pandas.isna(none["shape"])
    assert pandas.isna(none["flow_verdict"])
    assert pandas.isna(none["findings"])


def test_a_row_says_the_worst_finding() -> None:
    """Word, anomaly, title, step and service are those of the worst of its findings; the count is of all."""
    worse, better = made.sure(made.misordered()), replace(made.sure(made.late()), verdict=Verdict.PENDING)
    flow = made.flow("f", made.rule("r", Verdict.VIOLATED, better, worse), made.rule("ok", Verdict.SATISFIED))
    bad, good = made.report(flow).to_frame().to_dict("records")
    assert (bad["finding"], bad["findings"], bad["anomaly"]) == ("misordered", 2, worse.finding.anomaly)
    assert (bad["step"], bad["service"]) == (worse.finding.step, worse.finding.service)
    assert bad["title"].startswith("ready was handled before confirmed")
    assert (bad["verdict"], bad["flow_verdict"], bad["at"]) == ("violated", "violated", "phase1-regular.yaml:49")
    assert good["findings"] == 0
    assert all(pandas.isna(good[name]) for name in ("finding", "anomaly", "title", "step", "service", "due"))


def test_times_keep_their_nanoseconds() -> None:
    """No float on the way; a time that no timestamp can hold is missing, not wrong."""
    odd = 1_795_384_800_123_456_789
    flow = replace(made.good_flow(1), opened_ns=odd, last_seen_ns=2**64 - 1)
    frame = made.report(flow, replace(flow, key="other", opened_ns=None)).to_frame()
    assert frame.opened[0].value == odd
    assert str(frame.opened[0]) == "2026-11-22 22:00:00.123456789+00:00"
    assert pandas.isna(frame.last_seen[0])
    assert pandas.isna(frame.opened.iloc[-1])


def test_facts_keep_their_types() -> None:
    """A number stays a number beside a text; a flow that doesn't tell a fact has none."""
    flows = [replace(made.good_flow(n), facts=facts) for n, facts in enumerate(({"n": 2}, {"n": "two"}, {"ok": True}))]
    frame = made.report(*flows).to_frame()
    firsts = frame.drop_duplicates("key")
    assert firsts["fact.n"].tolist() == [2, "two", None]
    assert firsts["fact.ok"].tolist() == [None, None, True]


@pytest.mark.parametrize("ask", ["frame", "times"])
def test_without_pandas_the_extra_is_named(ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that says what to install."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    spans = Reading(url="made", spans=(span("one", 1, 2),))
    tables = {"frame": made.full().to_frame, "times": lambda: verifier.step_times([loads(SHAPE)], spans=spans)}
    with pytest.raises(UsageError, match=r"needs the extra: pip install 'flow-verifier\[pandas\]'"):
        tables[ask]()


# ---- step times


def test_each_occurrence_has_a_row() -> None:
    """Numbered in its flow; what is equal in the step's identity counts once; a record has an interval."""
    spans = (span("one", 1_001, 1_010, id="x"), span("one", 1_020, 1_030, id="x"), span("one", 1_040, 1_050, id="y"))
    record = Record(topic="topic", partition=0, offset=1, made_ns=1_060, seen_ns=1_070, value={"k": "f"})
    unmade = replace(record, offset=2, made_ns=None)
    times = verifier.step_times(
        [loads(SHAPE)], spans=Reading(url="s", spans=spans), records=Reading(url="r", records=(record, unmade))
    )
    assert types_of(times) == {name: MOMENT if kind == "moment" else kind for name, kind in COLUMNS.items()}
    rows = [
        (r.step, r.n, r.sort, None if pandas.isna(r.start) else r.start.value, r.end.value, r.again)
        for r in times.itertuples()
    ]
    assert rows == [
        ("one", 1, "span", 1_001, 1_010, 1),
        ("one", 2, "span", 1_040, 1_050, 0),
        ("two", 1, "record", 1_060, 1_070, 0),
        ("two", 2, "record", None, 1_070, 0),
    ]
    for name in COLUMNS:
        assert name in (verifier.step_times.__doc__ or ""), f"{name} is not in the docstring"


def test_a_flow_that_the_shape_is_not_about_has_no_row() -> None:
    """The guard counts here too; without a flow there are the columns and no row."""
    other = span("one", 1_001, 1_010, sort="b")
    times = verifier.step_times([loads(SHAPE)], spans=Reading(url="s", spans=(other,)))
    assert len(times) == 0
    assert list(times.columns) == list(COLUMNS)


def test_step_times_are_those_that_the_report_speaks_of() -> None:
    """On recorded batches: the same flows, every occurrence within its flow, steps that no rule found missing."""
    shapes = [verifier.load_shape("phase1-regular"), verifier.load_shape("phase1-guest")]
    files = {"spans": DATA / "regular.otlp.jsonl", "records": DATA / "regular.events.jsonl"}
    frame, times = verifier.check(shapes, **files).to_frame(), verifier.step_times(shapes, **files)
    flows = frame.drop_duplicates(["shape", "key"]).set_index(["shape", "key"])
    assert set(zip(times["shape"], times.key, strict=True)) == set(flows.index)
    joined = times.join(flows[["opened", "last_seen"]], on=["shape", "key"])
    assert (joined.start >= joined.opened).all()
    assert (joined.end <= joined.last_seen).all()
    assert times[times.step == "ready"].groupby("key").size().eq(1).all()
    assert times.equals(verifier.step_times(shapes, **files))


def test_params_and_broken_shapes_are_looked_at() -> None:
    """As `check` does."""
    with pytest.raises(UsageError, match="hopp"):
        verifier.step_times([loads(SHAPE)], spans=Reading(url="s"), params={"hopp": "5s"})
    broken = replace(loads(SHAPE), places=None, facts={})
    with pytest.raises(SpecError, match="sort"):
        verifier.step_times([broken], spans=Reading(url="s"))
