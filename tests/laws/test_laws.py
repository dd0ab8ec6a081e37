"""The laws of the design on made-up flows: whatever is lost, repeated, cut off or shuffled, no verdict is wrong.

In: flows and rules of `made`, every kind. Out: nothing, or the smallest flow and rule that break a law. The seed is
`LAWS_SEED` (0 if not said) and is printed with a failure; `LAWS_EXAMPLES` says how many flows for each kind.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.laws.made import MS, SEED, last_of, rows_of, rules, shape_of, sketches, tried, verdict
from verifier import load_shape
from verifier.assertions import kinds
from verifier.engine.plan import names_of
from verifier.flows import gather
from verifier.run import check, read
from verifier.shape import RunRule
from verifier.sketch import ORIGIN_NS
from verifier.spans import Observation, Reading, Record, Span, message_ids, own
from verifier.verdict import Report

FINAL = ("satisfied", "violated")
KINDS = sorted(kind for kind, cls in kinds().items() if not issubclass(cls, RunRule))
every_kind = pytest.mark.parametrize("kind", KINDS)


def law(*more: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[[str], None]]:
    """Runs a law with made-up flows and rules of one kind."""

    def wrap(holds: Callable[..., None]) -> Callable[[str], None]:
        def test(kind: str) -> None:
            tried(st.tuples(sketches(), rules(kind), *more), holds)

        test.__name__, test.__doc__ = holds.__name__, holds.__doc__
        return every_kind(test)  # type: ignore[no-any-return]

    return wrap


def opposite(one: str, other: str) -> bool:
    """Whether one says that all is well and the other that it isn't."""
    return {one, other} == set(FINAL)


@law(st.randoms(use_true_random=False))
def test_shuffled_and_repeated_rows_give_the_same_report(text: str, rule: Any, rng: random.Random) -> None:
    """Neither the order of rows nor a row that comes twice changes anything of the report."""
    shape = shape_of(rule, key="k")
    rows = [_apart(row, 0) for row in rows_of(text)]
    again = [*rows, rng.choice(rows)]
    rng.shuffle(again)

    def told(some: Sequence[Span | Record]) -> Report:
        spans = Reading(url="s", spans=tuple(row for row in some if isinstance(row, Span)))
        records = Reading(url="r", records=tuple(row for row in some if isinstance(row, Record)))
        return replace(check([shape], spans=spans, records=records), sources=())

    assert told(again) == told(rows)


@law()
def test_a_lost_row_never_turns_a_verdict_over(text: str, rule: Any) -> None:
    """Without any one row and with evidence that may be lost, good is never violated and bad never satisfied."""
    rows = rows_of(text)
    at_ns = last_of(rows)
    whole = verdict(rows, rule, premise="complete", at_ns=at_ns)
    for i in range(len(rows)):
        rest = verdict((*rows[:i], *rows[i + 1 :]), rule, premise="lossy", at_ns=at_ns)
        assert not opposite(whole, rest), f"without {rows[i].id}"


@law()
def test_a_lost_span_or_record_never_turns_a_verdict_over_where_only_its_sort_may_be_lost(text: str, rule: Any) -> None:
    """The same where only spans, or only records, may be lost."""
    rows = rows_of(text)
    at_ns = last_of(rows)
    whole = verdict(rows, rule, premise="complete", at_ns=at_ns)
    for i, row in enumerate(rows):
        premise = "spans=lossy" if isinstance(row, Span) else "records=lossy"
        rest = verdict((*rows[:i], *rows[i + 1 :]), rule, premise=premise, at_ns=at_ns)
        assert not opposite(whole, rest), f"without {row.id}"


@law(st.integers(0, 255))
def test_what_is_final_although_rows_may_be_lost_stays_with_more_rows(text: str, rule: Any, kept: int) -> None:
    """A final verdict on some of the rows, under lossy, is never turned over by the others."""
    rows = rows_of(text)
    at_ns = last_of(rows)
    some = [row for i, row in enumerate(rows) if kept >> i & 1]
    early = verdict(some, rule, premise="lossy", at_ns=at_ns)
    assert not opposite(early, verdict(rows, rule, premise="complete", at_ns=at_ns))
    assert not opposite(early, verdict(rows, rule, premise="lossy", at_ns=at_ns))


@law()
def test_what_is_final_under_lossy_is_the_same_under_complete(text: str, rule: Any) -> None:
    """A premise more can only decide what was open, never change what was decided."""
    rows = rows_of(text)
    lossy = verdict(rows, rule, premise="lossy")
    if lossy in FINAL:
        assert verdict(rows, rule, premise="complete") == lossy


@law()
def test_while_a_flow_is_open_its_verdict_never_flaps(text: str, rule: Any) -> None:
    """Replayed up to any moment, what was final before its end is never turned over.

    Left out are moments at which a span or a record was under way (what has begun and isn't yet exported, no cut of a
    file can know of), or at which an effect was there and its cause, by a clock that is behind, not yet.
    """
    rows = rows_of(text)
    before: tuple[int, str] | None = None
    for at_ns in range(ORIGIN_NS - MS, ORIGIN_NS + 60 * MS, MS):
        if any(Observation(row=row).first_ns <= at_ns < Observation(row=row).last_ns for row in rows):
            continue
        if _torn([row for row in rows if Observation(row=row).last_ns <= at_ns], rows):
            continue
        now = verdict(rows, rule, premise="complete", at_ns=at_ns, ends=("end",))
        if before is not None and before[1] in FINAL:
            assert not opposite(before[1], now), f"{before[1]} at {before[0] - ORIGIN_NS}, {now} at {at_ns - ORIGIN_NS}"
        before = (at_ns, now) if now in FINAL or before is None else before


def _torn(seen: list[Span | Record], rows: tuple[Span | Record, ...]) -> bool:
    """Whether something that was seen points to something that wasn't yet."""
    ids = {row.id for row in seen}
    later = [row for row in rows if row.id not in ids]
    messages = {m for row in later for m in message_ids(row)}
    wanted = {row.id for row in later}
    return any(
        row.parent in wanted
        or messages & set(message_ids(row))
        or (isinstance(row, Span) and any((link.trace_id, link.span_id) in wanted for link in row.links))
        for row in seen
    )


@law()
def test_a_clock_that_is_off_within_its_uncertainty_never_turns_a_verdict_over(text: str, rule: Any) -> None:
    """Service b's clock is 4 ms ahead or behind: at most the verdict becomes open, or is decided."""
    rows = rows_of(text)
    at_ns = last_of(rows) + 10 * MS
    told = verdict(rows, rule, premise="complete", at_ns=at_ns)
    for off in (-4 * MS, 4 * MS):
        moved = [
            replace(
                row,
                start_ns=row.start_ns + off,
                end_ns=row.end_ns + off,
                events=tuple(replace(e, time_ns=e.time_ns + off) for e in row.events),
            )
            if isinstance(row, Span) and row.service == "b"
            else row
            for row in rows
        ]
        assert not opposite(told, verdict(moved, rule, premise="complete", at_ns=at_ns))


@law(sketches())
def test_a_flow_judged_alone_is_judged_the_same_among_others(text: str, rule: Any, other: str) -> None:
    """A flow that shares no id with others gets the same verdict with and without them."""

    def reading(*texts: str) -> tuple[Reading, Reading]:
        spans: list[Span] = []
        records: list[Record] = []
        for n, one in enumerate(texts):
            for row in rows_of(one):
                moved = _apart(row, n)
                (spans if isinstance(moved, Span) else records).append(moved)  # type: ignore[arg-type]
        return Reading(url="s", spans=tuple(spans)), Reading(url="r", records=tuple(records))

    shape = shape_of(rule, key="k")
    at = "2026-01-01T00:01:00Z"
    spans, records = reading(text)
    alone = check([shape], spans=spans, records=records, at=at, max_explained=0)
    spans, records = reading(text, other)
    among = check([shape], spans=spans, records=records, at=at, max_explained=0)
    assert _told(among) == _told(alone)


@law()
def test_a_lost_row_never_turns_over_a_flow_that_had_to_be_gathered(text: str, rule: Any) -> None:
    """The same where rows must be gathered first: what is lost may be the key that kept a row out of a flow.

    Left out are flows with an edge or a message into another one: there a lost message leaves its parent's flow.
    """
    rows = rows_of(text)
    shape = shape_of(rule, key="code", aliases=("n",))
    codes = {(m, str(code)) for row in rows if (code := own(row, ("code",))) for m in message_ids(row)}
    spans, records = [r for r in rows if isinstance(r, Span)], [r for r in rows if isinstance(r, Record)]
    flows = gather(spans, records, correlation=shape.flow).flows.values()
    if len({m for m, _ in codes}) < len(codes) or any(flow.crossing for flow in flows):
        return

    def told(some: Sequence[Span | Record], premise: str) -> Report:
        spans = tuple(row for row in some if isinstance(row, Span))
        records = tuple(row for row in some if isinstance(row, Record))
        readings = Reading(url="s", spans=spans), Reading(url="r", records=records)
        return check(
            [shape], spans=readings[0], records=readings[1], at="2026-01-01T00:01:00Z", assume=premise, max_explained=0
        )

    whole = {flow.key: str(flow.verdict) for flow in told(rows, "complete").flows}
    for i, row in enumerate(rows):
        for flow in told((*rows[:i], *rows[i + 1 :]), "lossy").flows:
            assert not opposite(whole.get(flow.key, ""), str(flow.verdict)), f"{flow.key} without {row.id}"


def _told(report: Report) -> tuple[Any, ...]:
    """What is said of the first flow, without the premise: from when on the sources were complete is of the run."""
    rule = report.flow("0").assertions[0]
    return rule.verdict, [(j.finding, j.verdict, j.reason) for j in rule.findings]


def _apart(row: Span | Record, flow: int) -> Span | Record:
    """The row as one of another flow: its own processes, traces, message ids and key."""

    def ids(values: Any) -> dict[str, Any]:
        return {**values, "k": str(flow)} | (
            {"event_id": f"{values['event_id']}{flow}"} if "event_id" in values else {}
        )

    if isinstance(row, Span):
        links = tuple(replace(link, trace_id=f"{flow}{link.trace_id[1:]}") for link in row.links)
        who = {"service": row.service, "instance": row.instance} if not flow else {"service": "c", "instance": "c"}
        return replace(row, trace_id=f"{flow}{row.trace_id[1:]}", attributes=ids(row.attributes), links=links, **who)
    value = ids(row.value)
    if "metadata" in value:
        parts = value["metadata"]["traceparent"].split("-")
        parts[1] = f"{flow}{parts[1][1:]}"
        value["metadata"] = {"traceparent": "-".join(parts)}
    return replace(row, partition=flow, value=value)


# ---- on the recorded batches

DATA = Path(__file__).parents[1] / "data" / "huleedu"
CAPTURES = ("regular", "guest", "course_mismatch", "duplicates", "els_db_outage", "enriched/timeout_monitor")
every_capture = pytest.mark.parametrize("name", CAPTURES)


def of_capture(name: str, spans: Sequence[Span], records: Sequence[Record], **how: Any) -> Report:
    """The report of a capture's rows, as of its end."""
    params = {"auto_confirm_after": "0s"} if "timeout" in name else {}
    return check(
        [load_shape("phase1-regular"), load_shape("phase1-guest")],
        spans=Reading(url="spans", spans=tuple(spans)),
        records=Reading(url="records", records=tuple(records)),
        params=params,
        max_explained=0,  # verdicts alone count here
        **how,
    )


def verdicts(report: Report) -> dict[tuple[str, str | None, str | None], str]:
    """(flow, shape, rule) -> verdict, and of each flow under rule None."""
    out: dict[tuple[str, str | None, str | None], str] = {}
    for flow in report.flows:
        out[flow.key, flow.shape, None] = str(flow.verdict)
        out |= {(flow.key, flow.shape, rule.id): str(rule.verdict) for rule in flow.assertions}
    return out


@pytest.mark.parametrize("name", ["guest", "duplicates", "els_db_outage"])
def test_shuffled_lines_give_the_same_report(name: str, tmp_path: Path) -> None:
    """The order of lines in both files changes nothing of the report, whatever is in it."""
    shapes = [load_shape("phase1-regular"), load_shape("phase1-guest")]
    paths = [DATA / f"{name}.otlp.jsonl", DATA / f"{name}.events.jsonl"]
    told = check(shapes, spans=paths[0], records=paths[1])
    rng = random.Random(SEED)
    for path in paths:
        lines = path.read_text().splitlines(keepends=True)
        rng.shuffle(lines)
        (tmp_path / path.name).write_text("".join(lines))
    again = check(shapes, spans=tmp_path / paths[0].name, records=tmp_path / paths[1].name)
    assert replace(again, sources=()) == replace(told, sources=())


@pytest.mark.parametrize("name", ["guest", "course_mismatch", "duplicates", "enriched/timeout_monitor"])
def test_a_recorded_flow_alone_is_judged_as_in_the_run(name: str) -> None:
    """Only the rows of one flow: the same verdicts and findings as among all others."""
    evidence = read(DATA / f"{name}.otlp.jsonl", DATA / f"{name}.events.jsonl")
    whole = of_capture(name, evidence.spans, evidence.records)
    at = datetime.fromtimestamp(whole.at_ns // 10**9 + 1, tz=UTC).isoformat()
    whole = of_capture(name, evidence.spans, evidence.records, at=at)
    shape = load_shape("phase1-regular")
    flows = gather(evidence.spans, evidence.records, correlation=shape.flow, attributes=names_of(shape)).flows
    for key, flow in flows.items():
        shared = [m.row for m in flow.shared]
        spans = [*flow.spans, *(row for row in shared if isinstance(row, Span))]
        alone = of_capture(name, spans, flow.records, at=at)
        for mine, its in zip(alone.flow(key).assertions, whole.flow(key).assertions, strict=True):
            assert (mine.verdict, [j.finding for j in mine.findings]) == (
                its.verdict,
                [j.finding for j in its.findings],
            )


@every_capture
@pytest.mark.parametrize("premise", ["lossy", "spans=lossy", "records=lossy"])
def test_a_recorded_batch_without_any_one_row_is_never_turned_over(name: str, premise: str) -> None:
    """Every span and record of a capture left out in turn (of the largest ones, some): no verdict, of a flow or of a
    rule, goes from good to violated or from bad to satisfied."""
    evidence = read(DATA / f"{name}.otlp.jsonl", DATA / f"{name}.events.jsonl")
    spans, records = evidence.spans, evidence.records
    whole = verdicts(of_capture(name, spans, records))
    lost: list[tuple[int, int]] = []
    if premise != "records=lossy":
        lost += [(i, -1) for i in range(len(spans))]
    if premise != "spans=lossy":
        lost += [(-1, i) for i in range(len(records))]
    for i, j in random.Random(SEED).sample(lost, min(len(lost), 30)):
        rest = verdicts(
            of_capture(
                name,
                [s for n, s in enumerate(spans) if n != i],
                [r for n, r in enumerate(records) if n != j],
                assume=premise,
            )
        )
        for key, before in whole.items():
            assert not opposite(before, rest.get(key, "")), f"{key} without {(spans[i] if j < 0 else records[j]).id}"
