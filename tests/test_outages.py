"""Declared outages: how they are written, and how long a clock stands still in them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from verifier.assertions import no_writes
from verifier.assertions.no_writes import NoWrites
from verifier.cli import main
from verifier.clock import At, Clocks, Interval
from verifier.errors import UsageError
from verifier.options import parse_outages
from verifier.shape import StepName
from verifier.spans import Observation, Span
from verifier.specfile import loads

S = 10**9
SHAPE = """
shape: out
flow: {key: trace_id}
steps: {stored: {span: stored}, sent: {span: sent}, got: {span: got}}
assertions:
  - delivered: {stored: stored, published: sent, consumed: [got], within: 5s}
"""


def test_outages_are_sorted_and_merged() -> None:
    """Text and datetimes, in any order; what overlaps or touches is one outage."""
    found = parse_outages(
        [
            {"from": "2026-01-01T00:10:00Z", "to": "2026-01-01T00:11:00Z"},
            {"from": datetime(2026, 1, 1, 0, 1, tzinfo=UTC), "to": "2026-01-01T00:02:00Z"},
            {"from": "2026-01-01T00:02:00Z", "to": "2026-01-01T00:03:00"},
        ]
    )
    begin = 1767225600 * S
    assert found == (Interval(begin + 60 * S, begin + 180 * S), Interval(begin + 600 * S, begin + 660 * S))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"from": "x"}, "expected a list of tables"),
        (["2026-01-01T00:00:00Z"], "expected a list of tables"),
        ([{"from": "2026-01-01T00:00:00Z"}], "number 1: it has from; expected from and to"),
        ([{"from": "noon", "to": "2026-01-01T00:00:00Z"}], "from = noon is no time"),
        ([{"from": 5, "to": "2026-01-01T00:00:00Z"}], "from = 5 is no time"),
        ([{"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}], "is not after its beginning"),
    ],
)
def test_an_outage_that_cant_be_read_is_refused(given: object, says: str) -> None:
    """One sentence that says where, what is wrong and what was expected."""
    with pytest.raises(UsageError, match=says):
        parse_outages(given)


@pytest.mark.parametrize(
    ("begin", "end", "stood"),
    [
        (0, 9, Interval(0, 0)),
        (0, 30, Interval(10, 10)),
        (12, 30, Interval(7, 9)),  # how far into the outage it began is known up to the clocks' uncertainty of 1 s
        (12, 15, Interval(1, 5)),
        (21, 30, Interval(0, 0)),
        (20, 30, Interval(0, 1)),
    ],
)
def test_a_clock_stands_still_during_an_outage(begin: int, end: int, stood: Interval) -> None:
    """From 10 s to 20 s: what lies in between surely counts, what lies at its ends perhaps."""
    clocks = Clocks(rows=(), uncertainty_ns=S, outages=(Interval(10 * S, 20 * S),))
    found = clocks.stopped(Interval(begin * S, begin * S), Interval(end * S, end * S))
    assert found == Interval(stood.lo * S, stood.hi * S)


def test_what_is_due_waits_for_the_end_of_an_outage() -> None:
    """5 s after 8 s, of which an outage from 10 s to 20 s takes none; each clock may be 1 s off."""
    span = Span(trace_id="1" * 32, span_id="1" * 16, service="a", name="one", start_ns=8 * S, end_ns=9 * S)
    clocks = Clocks(rows=(span,), uncertainty_ns=S, outages=(Interval(10 * S, 20 * S), Interval(90 * S, 99 * S)))
    assert clocks.due_but_outages_ns(At(of=Observation(row=span)), 5 * S) == (8 + 1 + 5 + 12) * S


@pytest.mark.parametrize(
    ("toml", "code", "says"),
    [
        ("", 1, "violated"),
        ("outages = [{from = 2026-01-01T00:00:01Z, to = 2026-01-01T00:01:01Z}]", 0, "satisfied"),
        ("outages = [{from = 2026-01-01T00:00:01Z}]", 2, "verifier.toml: outages, number 1: it has from; expected"),
        ("outages = 5", 2, "verifier.toml: outages: expected a list of tables"),
    ],
)
def test_outages_of_the_configuration_reach_the_verdict(
    toml: str, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message that waited a minute was delivered in time if the broker was down; a bad table is refused."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verifier.toml").write_text(toml)
    (tmp_path / "shape.yaml").write_text(SHAPE)
    begin = 1767225600 * S
    spans = ",".join(
        f'{{"traceId": "{"1" * 32}", "spanId": "{n:016x}", "name": "{name}", "startTimeUnixNano": "{begin + at * S}",'
        f' "endTimeUnixNano": "{begin + at * S}",'
        ' "attributes": [{"key": "event_id", "value": {"stringValue": "e"}}]}'
        for n, (name, at) in enumerate((("stored", 0), ("sent", 62), ("got", 63)), 1)
    )
    text = f'{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{spans}]}}]}}]}}'
    (tmp_path / "spans.jsonl").write_text(text + "\n")
    with pytest.raises(SystemExit) as left:
        main(["check", "shape.yaml", "--spans", "spans.jsonl", "--at", "+1m"])
    told = capsys.readouterr()
    assert left.value.code == code, told
    assert says in " ".join((told.out + told.err).split())


def test_without_sqlglot_no_writes_is_refused_when_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The problem names the extra; nothing fails per flow."""
    monkeypatch.setattr(no_writes, "find_spec", lambda _: None)
    rule = NoWrites(step=StepName("stored"), service="a", tables=("t",))
    assert rule.problems(loads(SHAPE)) == [
        ("step", "'no_writes' reads SQL, which needs the extra: pip install 'flow-verifier[sql]'")
    ]
