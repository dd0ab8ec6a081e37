"""The sketches that the terminal prints of recorded batches: pasted into a test they give the same finding again."""

import io
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.golden.test_golden import CASES, DATA
from verifier import wording
from verifier.engine.complete import Sight
from verifier.engine.diagnose.case import claim
from verifier.engine.judge import Setting, judge
from verifier.engine.plan import plan
from verifier.flows import Flow, Member
from verifier.reports import write
from verifier.run import check
from verifier.shape import Rule, Shape
from verifier.sketch import ORIGIN_NS, parse, render
from verifier.specfile import load, with_params
from verifier.verdict import FlowVerdict, Judged, Report, Verdict

Found = tuple[FlowVerdict, str, Judged]
SHAPES = {name: load(name) for name in ("phase1-regular", "phase1-guest")}
BAD = [name for name, case in CASES.items() if case[3] == 1]


def options(name: str) -> tuple[dict[str, str], str]:
    """(params, at) of a golden case."""
    words = shlex.split(CASES[name][2])
    params = dict(w.split("=") for flag, w in pairwise(words) if flag == "--param")
    at = next((w for flag, w in pairwise(words) if flag == "--at"), "end")
    return params, at


def report(name: str) -> Report:
    """The report of a golden case; what is only late there too."""
    params, at = options(name)
    capture = DATA / CASES[name][0]
    shapes = [s for s in SHAPES.values() if not params or s.shape == "phase1-regular"]
    return check(shapes, spans=f"{capture}.otlp.jsonl", records=f"{capture}.events.jsonl", params=params, at=at)


def findings(told: Report) -> Iterator[Found]:
    """Every violated finding with the id of its rule."""
    for flow in told.flows:
        for rule in flow.assertions:
            for judged in rule.findings:
                if judged.verdict is Verdict.VIOLATED:
                    yield flow, rule.id, judged


@pytest.mark.parametrize("name", BAD)
def test_every_finding_of_a_violated_batch_has_a_witness(name: str) -> None:
    """Of a recorded violation, nothing is without proof, cause and repair."""
    told = report(name)
    for flow, rule, judged in findings(told):
        assert judged.witness is not None, (flow.key, rule)
    for flow in told.violated:
        assert flow.diagnosis is not None
        assert flow.diagnosis.causes
        assert all(r.repair for r in flow.assertions if r.verdict is Verdict.VIOLATED)


@pytest.mark.parametrize("name", BAD)
def test_a_printed_sketch_is_judged_again_to_the_same_finding(name: str) -> None:
    """`parse` of the block gives the rows of the witness, and its rule says the same of them."""
    params, _ = options(name)
    drawn = 0
    for flow, rule, judged in findings(report(name)):
        text = wording.sketch(judged)
        assert judged.witness is not None
        if text is None:
            assert not judged.witness.rows
            continue
        drawn += 1
        sketch = parse(text)
        assert len([*sketch.spans, *sketch.records]) == len(judged.witness.rows)
        assert parse(render(sketch.spans, sketch.records)) == sketch
        shape = with_params([SHAPES[str(flow.shape)]], params)[0]
        told = again(shape, rule, text, flow.facts, judged)
        assert claim(judged.finding) in [claim(j.finding) for j in told if j.verdict is judged.verdict]
    assert drawn


def again(shape: Shape, rule: str, text: str, facts: Mapping[str, object], judged: Judged) -> list[Judged]:
    """What a rule says of a sketch, judged as of the same moment."""
    sketch = parse(text)
    assert judged.witness is not None
    assert judged.witness.at_ns is not None
    moved = ORIGIN_NS - wording.origin(judged)
    flow = Flow(
        name=shape.flow.key, key="1", members=tuple(Member(row=r, why="own") for r in (*sketch.spans, *sketch.records))
    )
    number = shape.ids().index(rule)
    only: tuple[Rule, ...] = (shape.assertions[number],)
    one = replace(plan(shape), shape=replace(shape, assertions=only, places=None), ids=(rule,))
    sight = Sight(at_ns=judged.witness.at_ns + moved, from_ns=ORIGIN_NS)
    outcome = judge(one, flow, Setting(sight=sight), given=facts)  # type: ignore[arg-type]
    assert outcome is not None
    return list(outcome.verdict.assertions[0].findings)


@pytest.mark.parametrize("name", BAD)
def test_the_screen_shows_it_as_it_is(name: str) -> None:
    """Cut out of the terminal's text the block parses to the same sketch, and no line of it is too wide."""
    told, out = report(name), io.StringIO()
    write(told, "terminal", out=out, width=80)
    page = out.getvalue()
    blocks = re.findall(r"^    Sketch\n((?:      .*\n)+)", page, re.MULTILINE)
    drawn = [parse(text) for _, _, judged in findings(told) if (text := wording.sketch(judged))]
    assert blocks
    assert all(parse(block) in drawn for block in blocks)
    assert max(len(line) for line in page.splitlines() if not line.startswith("again: ")) <= 80


def test_a_flow_is_a_screen(tmp_path: Path) -> None:
    """Whoever is called at night reads at most 50 lines for each flow."""
    for name in BAD:
        for flow in report(name).violated:
            assert len(flow.explain().splitlines()) <= 50, name
