"""Mutations of telemetry: what each takes away, puts in and means for the truth; and that it is pure."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from verifier import mutate
from verifier.flows import Row
from verifier.mutate import Mutation, applied
from verifier.shape import AttributeName, Correlation, Shape, Step
from verifier.sketch import parse
from verifier.spans import Record, Span

TEXT = """
a : register @ 0..10ms flow=1 code=X
  * moved @ 4ms from=new to=open
  [t 0:7] @ 8..9ms event_id=e source_service=a data.code=X
  b : handle @ 20..30ms $kind=consumer event_id=e flow=1
b : other @ 50..60ms flow=1 code=X
"""
SKETCH = parse(TEXT)
ROWS: tuple[Row, ...] = (*SKETCH.spans, *SKETCH.records)
Make = Callable[[Sequence[Row]], Iterator[Mutation]]
KINDS: dict[str, tuple[Make, int, str]] = {  # kind: (its function, how many mutations of the sketch, truth)
    "drop_span": (mutate.drop_span, 3, "lost"),
    "drop_record": (mutate.drop_record, 1, "lost"),
    "drop_event": (mutate.drop_event, 1, "lost"),
    "drop_event_said": (mutate.drop_event_said, 1, "lost"),
    "drop_attribute_said": (mutate.drop_attribute_said, 6, "lost"),
    "drop_service": (mutate.drop_service, 2, "lost"),
    "drop_topic": (mutate.drop_topic, 1, "lost"),
    "stop_early": (mutate.stop_early, 2, "unchanged"),
    "truncate": (mutate.truncate, 2, "lost"),
    "repeat": (mutate.repeat, 4, "unchanged"),
    "redeliver": (mutate.redeliver, 1, "unchanged"),
    "publish_again": (mutate.publish_again, 1, "changed"),
    "handle_again": (mutate.handle_again, 3, "changed"),
    "delay_alone": (mutate.delay_alone, 4, "changed"),
    "delay": (mutate.delay, 4, "changed"),
    "delay_rest": (mutate.delay_rest, 3, "changed"),
    "all_later": (mutate.all_later, 1, "unchanged"),
    "swap": (mutate.swap, 3, "changed"),
    "shift_clock": (mutate.shift_clock, 2, "unchanged"),
    "change_value": (mutate.change_value, 12, "changed"),
    "empty_value": (mutate.empty_value, 9, "changed"),
    "remove_value": (mutate.remove_value, 12, "changed"),
    "fail": (mutate.fail, 3, "changed"),
    "orphan": (mutate.orphan, 1, "lost"),
    "new_root": (mutate.new_root, 2, "lost"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_makes_its_mutations_and_says_what_they_mean(kind: str) -> None:
    """As many as there are places for it, each of its kind and truth, each different from what was there."""
    make, many, truth = KINDS[kind]
    made = list(make(ROWS))
    assert len(made) == many, [m.what for m in made]
    assert {(m.kind, m.truth) for m in made} == {(kind, truth)}
    assert made == list(make(ROWS))
    for mutation in made:
        assert applied(mutation, SKETCH.spans, SKETCH.records) != (SKETCH.spans, SKETCH.records)
        assert mutation.touched
        assert mutation.what


def test_a_dropped_span_is_gone_and_nothing_else_is() -> None:
    """The patch takes one row away."""
    spans, records = applied(next(iter(mutate.drop_span(ROWS))), SKETCH.spans, SKETCH.records)
    assert [s.name for s in spans] == ["handle", "other"]
    assert records == SKETCH.records


def test_a_dropped_part_that_is_counted_says_so() -> None:
    """The span knows that it lost an event, an attribute; one that lost it silently doesn't."""
    said, silent = (next(iter(make(ROWS))).come[0] for make in (mutate.drop_event_said, mutate.drop_event))
    assert isinstance(said, Span)
    assert isinstance(silent, Span)
    assert (said.events, said.dropped_events) == ((), 1)
    assert (silent.events, silent.dropped_events) == ((), 0)


def test_a_delay_takes_what_was_caused_with_it() -> None:
    """What register caused (its record, its child) comes later too; what it didn't, stays."""
    first = next(iter(mutate.delay(ROWS, 1000)))
    assert len(first.come) == 3
    alone = next(iter(mutate.delay_alone(ROWS, 1000)))
    assert [row.id for row in alone.come] == [SKETCH.spans[0].id]


def test_swapped_rows_begin_when_the_other_began() -> None:
    """Each keeps how long it took."""
    a, b = SKETCH.spans[0], SKETCH.spans[2]
    x, y = mutate.swapped(a, b).come
    assert isinstance(x, Span)
    assert isinstance(y, Span)
    assert (x.start_ns, y.start_ns) == (b.start_ns, a.start_ns)
    assert x.end_ns - x.start_ns == a.end_ns - a.start_ns


def test_a_clock_that_is_off_moves_what_it_stamped_and_nothing_else() -> None:
    """The spans of a and when it made its record; not when that was seen, and nothing of b."""
    of_a = next(iter(mutate.shift_clock(ROWS, 1_000_000)))
    record = next(row for row in of_a.come if isinstance(row, Record))
    old = SKETCH.records[0]
    assert record.made_ns == (old.made_ns or 0) + 1_000_000
    assert record.seen_ns == old.seen_ns
    assert {row.service for row in of_a.come if isinstance(row, Span)} == {"a"}
    assert next(iter(mutate.shift_clock(ROWS, 10**9))).kind == "shift_clock_far"


def test_a_repeated_row_is_the_same_and_a_second_handling_is_another() -> None:
    """Same ids and body; or an id of its own, after everything else."""
    again = next(iter(mutate.repeat(ROWS)))
    assert again.come == (SKETCH.spans[0],)
    handled = next(iter(mutate.handle_again(ROWS))).come[0]
    assert isinstance(handled, Span)
    assert handled.id not in {row.id for row in ROWS}
    assert handled.start_ns > max(s.end_ns for s in SKETCH.spans)
    assert handled.events[0].time_ns - handled.start_ns == 4_000_000


def test_a_changed_value_is_one_that_exists_where_there_is_one() -> None:
    """Another flow's value, at the same name; else one that nobody wrote."""
    other = parse("a : register @ 0..1ms code=Y").spans
    names = frozenset({"code", "data.code"})
    seen = mutate.pool([*ROWS, *other], names)
    made = list(mutate.change_value(ROWS, names, seen))
    assert {m.what.split(" is ")[1].split()[0] for m in made} == {"Y"}
    record = next(row for m in made for row in m.come if isinstance(row, Record))
    assert record.value["data"] == {"code": "Y"}
    assert [mutate.made_up(v) for v in (True, 3, "3", "False", "x")] == [False, 4, "4", "True", "x-other"]


def test_ids_of_another_flow_replace_those_that_are_there() -> None:
    """One row at a time; a row without that id has none to change."""
    made = list(mutate.mix_ids(ROWS, {"flow": "2"}))
    assert len(made) == 3
    assert all(isinstance(m.come[0], Span) and m.come[0].attributes["flow"] == "2" for m in made)


@pytest.mark.parametrize(
    ("mutation", "binds"),
    [
        (Mutation(kind="x", what="", truth="unchanged"), {("complete", True), ("lossy", True), ("complete", False)}),
        (Mutation(kind="x", what="", truth="unchanged", earlier=True), {("complete", True), ("lossy", True)}),
        (Mutation(kind="x", what="", truth="lost"), {("lossy", True)}),
        (Mutation(kind="x", what="", truth="lost", announced=True), {("complete", True), ("lossy", True)}),
        (Mutation(kind="x", what="", truth="changed"), set()),
    ],
)
def test_what_a_mutation_binds(mutation: Mutation, binds: set[tuple[str, bool]]) -> None:
    """Unchanged under every premise, lost under lossy, lost and announced under every one, changed under none."""
    asked = [("complete", True), ("lossy", True)]
    assert {(p, good) for p, good in asked if mutation.binds(p, good=good)} == {b for b in binds if b in asked}
    bad = mutation.truth == "unchanged" and not mutation.earlier
    assert mutation.binds("complete", good=False) == (bad or mutation.announced)


def test_the_names_that_a_shape_reads() -> None:
    """Of its key, its attributes, conditions and identities, under the names that services write."""
    shape = Shape(
        shape="s",
        flow=Correlation(key=AttributeName("flow")),
        attributes={"code": ("code", "data.code")},
        steps={"one": Step(span="one", where={"n": 1}, identity=(AttributeName("code"),))},
        assertions=(),
    )
    assert mutate.names_asked(shape) == {"flow", "code", "data.code", "n"}
