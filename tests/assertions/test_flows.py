"""Runs the flows of `flows/KIND.md`: hand-drawn sketches, each with one assertion and the verdict that it must get.

A Markdown file is a suite. Per case a `## title` that says the truth, a sketch block, and a yaml block: lines of a
shape file (the assertion, and `steps:`, `machines:`, `attributes:`, `facts:`, `params:` where needed; a step that is
not described is a span of its own name), then the circumstances and what is expected:

    given, assume, ends, gives_up, records, outages   as in `Example`; where a kind judges the run, `given` has
                                                      FLOW.FACT
    at          end, +5s (after the last observation), or 5s (on the sketch's own time)
    verdict     of the assertion
    finding     the word of its first finding; none: it has no findings
    mentions    texts that stand in the words of its first finding
    wrong       verdict or words are not yet what they should be, and why: the case must fail until the line goes
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.judging import judge_either
from verifier import wording
from verifier.assertions import Example, kinds
from verifier.shape import Shape, duration_ns, split_point
from verifier.sketch import ORIGIN_NS
from verifier.specfile import loads
from verifier.verdict import Judged

FOLDER = Path(__file__).parent / "flows"
CASE = re.compile(r"^## (?P<title>.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
OF_SHAPE = {"assertions", "steps", "machines", "attributes", "facts", "params"}
CIRCUMSTANCES = {"given", "assume", "at", "ends", "gives_up", "records", "outages"}
EXPECTED = {"verdict", "finding", "mentions", "wrong"}
NAMING = ("step", "at", "object", "first", "then", "cancelled_by", "through", "steps", "after", "before", "between")
NAMING += ("stored", "published", "consumed")
"""Parameters whose texts are points; `then` of a decision holds conditions, and names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One flow of a suite: its sketch, the lines of its yaml block by their key, and what they say."""

    file: str
    title: str
    sketch: str
    lines: Mapping[str, str]
    said: Mapping[str, Any]

    @property
    def id(self) -> str:
        """`file::title`."""
        return f"{self.file}::{self.title}"


def read(path: Path) -> list[Case]:
    """The cases of one suite."""
    _, *parts = CASE.split(path.read_text())
    return [_case(path.stem, title, body) for title, body in zip(parts[::2], parts[1::2], strict=True)]


def _case(file: str, title: str, body: str) -> Case:
    blocks = {block["language"]: block["text"] for block in BLOCK.finditer(body)}
    assert set(blocks) == {"sketch", "yaml"}, f"{file}: '{title}' has the blocks {sorted(blocks)}"
    text = re.sub(r"^- ", "assertions:\n- ", blocks["yaml"], count=1, flags=re.MULTILINE)
    chunks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    lines = {chunk.partition(":")[0]: chunk for chunk in chunks}
    unknown = set(lines) - OF_SHAPE - CIRCUMSTANCES - EXPECTED
    assert not unknown, f"{file}: '{title}' has the unknown keys {sorted(unknown)}"
    said = yaml.safe_load(text)
    assert len(said["assertions"]) == 1, f"{file}: '{title}' has {len(said['assertions'])} assertions, expected one"
    return Case(file=file, title=title, sketch=blocks["sketch"], lines=lines, said=said)


def shape_of(case: Case) -> Shape:
    """The shape that the case's lines spell, with every step that they name."""
    ends = list(case.said.get("ends", ()))
    steps = {name: {"span": name} for name in (*_named(case.said["assertions"][0]), *ends)}
    steps.update(case.said.get("steps", {}))
    head = {"shape": "flows", "flow": {"key": "flow"}, "steps": steps}
    own = "".join(text for key, text in case.lines.items() if key in OF_SHAPE - {"steps"})
    return loads("".join(f"{key}: {json.dumps(value)}\n" for key, value in head.items()) + own, file=case.id)


def _named(rule: Mapping[str, Any]) -> list[str]:
    ((_, parameters),) = rule.items()
    if isinstance(parameters, list):
        parameters = {"steps": parameters}
    named: list[str] = []
    for key in NAMING:
        value = (parameters or {}).get(key, ())
        items = [value] if isinstance(value, str) else [] if isinstance(value, dict) else value
        for item in items:
            named += [split_point(item)[1]] if isinstance(item, str) else item
    return named


def example_of(case: Case, shape: Shape) -> Example:
    """The case as an example of its kind, without its parameters: they are in the shape's rule."""
    said = case.said
    return Example(
        verdict=said["verdict"],
        sketch=case.sketch,
        steps=shape.steps,
        machines=shape.machines,
        attributes=shape.attributes,
        facts=shape.facts,
        given=said.get("given", {}),
        assume=said.get("assume", "complete"),
        at=_at(said.get("at", "end")),
        ends=tuple(said.get("ends", ())),
        gives_up=said.get("gives_up"),
        records=said.get("records", True),
        outages=tuple(said.get("outages", ())),
    )


def _at(text: str) -> str:
    since = duration_ns(text)
    if since is None:
        return text
    seconds, rest = divmod(ORIGIN_NS + since, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def words_of(judged: Judged) -> str:
    """All that is said of a finding."""
    finding = judged.finding
    said = (wording.headline(judged), wording.expected(finding), wording.observed(finding), judged.reason)
    return "\n".join(text for text in said if text)


CASES = [case for path in sorted(FOLDER.glob("*.md")) for case in read(path)]
PARAMS = [
    pytest.param(
        case,
        id=case.id,
        marks=[pytest.mark.xfail(reason=case.said["wrong"], raises=AssertionError)] if "wrong" in case.said else [],
    )
    for case in CASES
]


@pytest.mark.parametrize("case", PARAMS)
def test_flow_gets_its_verdict(case: Case) -> None:
    """A hand-drawn flow gets the verdict, the finding and the words that stand beside it."""
    shape, said = shape_of(case), case.said
    params = {"params": dict(shape.params)} if shape.params else {}
    judged = judge_either(shape.assertions[0], example_of(case, shape), shape=params)
    words = [words_of(j) for j in judged.findings]
    assert judged.verdict == said["verdict"], words
    if "finding" in said:
        assert (judged.findings[0].finding.word if judged.findings else "none") == said["finding"], words
    mentioned = said.get("mentions", [])
    for text in [mentioned] if isinstance(mentioned, str) else mentioned:
        assert words, "no finding"
        assert text in words[0]


def test_every_kind_has_a_suite() -> None:
    """A kind without hand-drawn flows is not tested."""
    assert {case.file for case in CASES} == {*kinds(), "scope"}


def test_titles_name_one_case() -> None:
    """A title that stands twice would hide one of the two in a report."""
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("kind", kinds())
def test_suite_shows_every_verdict(kind: str) -> None:
    """Each suite has flows that keep the rule, break it, and leave it open in either way."""
    shown = {case.said["verdict"] for case in CASES if case.file == kind}
    assert {"satisfied", "violated", "inconclusive", "pending"} <= shown
