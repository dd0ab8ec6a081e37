"""A flow that may have begun before what was read can't be blamed for what is missing at its beginning."""

from dataclasses import replace
from pathlib import Path

import pytest

from verifier import load_shape
from verifier.run import check, read
from verifier.shape import Shape
from verifier.sketch import parse
from verifier.spans import Reading
from verifier.specfile import loads
from verifier.verdict import Report

DATA = Path(__file__).parents[1] / "data" / "huleedu"

ORDER = """
shape: order
flow: {key: id, begins: {steps: [one]}, ends: {steps: [three]}}
steps: {one: {span: one}, two: {span: two}, three: {span: three}}
assertions:
  - sequence: [one, two, three]
  - occurs: {step: two, times: 1}
  - leads_to: {step: two, then: three, within: 1s}
  - never: {step: three, before: two}
"""
ONE, TWO, THREE = (f"a : {name} @ {s}..{s}.1s id=x" for s, name in enumerate(("one", "two", "three")))


def said(*lines: str, expect: tuple[str, ...] = (), shape: str = ORDER, at: str = "end") -> str:
    """The word on the flow of a sketch."""
    sketch = parse("\n".join(lines))
    report = check([loads(shape)], spans=Reading(url="s", spans=sketch.spans), expect=expect, at=at)
    return str(report.flow("x").verdict)


def test_what_is_missing_at_an_unseen_beginning_proves_nothing() -> None:
    """Its first step and what follows may have happened before the recording; nothing that was seen speaks against."""
    assert said(TWO, THREE) == "inconclusive"
    assert said(THREE) == "inconclusive"
    assert said(ONE, THREE) == "violated"


def test_what_is_missing_after_something_that_was_seen_is_blamed_all_the_same() -> None:
    """An answer that never came was due after what was seen."""
    assert said(TWO, at="+10s") == "violated"


def test_what_was_seen_is_sure_whatever_the_beginning() -> None:
    """Too many are too many."""
    assert said(TWO, "a : two @ 1.5..1.6s id=x", THREE) == "violated"


def test_expected_flow_begins_where_the_recording_does() -> None:
    """It was told of from outside: what it begins with is missed."""
    assert said(TWO, THREE, expect=("id=x",)) == "violated"


def test_without_begins_a_flow_begins_with_its_first_observation() -> None:
    """As before: the shape doesn't say what a flow begins with."""
    assert said(TWO, THREE, shape=ORDER.replace("begins: {steps: [one]}, ", "")) == "violated"


def recorded_from(since_ns: int, name: str, shapes: list[Shape]) -> Report:
    """The report on a recording that began at a moment: spans that ended and records that were seen since."""
    evidence = read(str(DATA / f"{name}.otlp.jsonl"), str(DATA / f"{name}.events.jsonl"))
    return check(
        shapes,
        spans=Reading(url="s", spans=tuple(s for s in evidence.spans if s.end_ns >= since_ns)),
        records=Reading(url="r", records=tuple(r for r in evidence.records if r.seen_ns >= since_ns)),
    )


@pytest.mark.parametrize("name", ["regular", "guest", "enriched/regular", "enriched/guest"])
def test_recording_that_begins_amid_good_batches_accuses_none(name: str) -> None:
    """Twenty beginnings of each recording; batches registered since are judged as ever."""
    shapes = [load_shape("phase1-regular"), load_shape("phase1-guest")]
    evidence = read(str(DATA / f"{name}.otlp.jsonl"), ())
    ends = sorted(s.end_ns for s in evidence.spans)
    words = [str(f.verdict) for end in ends[5 :: len(ends) // 20] for f in recorded_from(end, name, shapes).flows]
    assert "violated" not in words
    assert {"satisfied", "inconclusive"} <= set(words)


def test_shape_without_begins_would_accuse_them() -> None:
    """What the packaged shapes say of their beginning is needed."""
    shape = load_shape("phase1-regular")
    blind = replace(shape, flow=replace(shape.flow, begins=None))
    evidence = read(str(DATA / "enriched" / "regular.otlp.jsonl"), ())
    cut = sorted(s.end_ns for s in evidence.spans)[10]
    assert any(f.verdict == "violated" for f in recorded_from(cut, "enriched/regular", [blind]).flows)
