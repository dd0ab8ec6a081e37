"""Shapes there and back: writing and reading agree, no text breaks the reader, and an editor sees what we see."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import assertions
from verifier.errors import SpecError
from verifier.shape import (
    AttributeName,
    Condition,
    Correlation,
    Ends,
    Except,
    Fact,
    FactRef,
    Machine,
    MovesBy,
    Rule,
    Shape,
    Stay,
    Step,
    StepName,
)
from verifier.specfile import check_shape, dumps, json_schema, load, loads, shipped
from verifier.specyaml import read

KINDS = assertions.kinds()
BIG = (Path(__file__).parent / "data" / "shape-big.yaml").read_text()


def same(one: Shape, other: Shape) -> bool:
    """Whether two shapes are the same but for where they are written."""
    return replace(one, places=None) == replace(other, places=None)


def test_dumps_reads_well() -> None:
    """Short mappings are on one line, defaults left out, a kind begins its line, a comment names the schema."""
    shape = replace(loads(BIG), about="")
    text = dumps(shape)
    assert text.startswith("# yaml-language-server: $schema=shape.schema.json\nshape: regular\nparams: {hop: 5m, ")
    for line in [
        "  course_code: [course_code, data.course_code]",
        "    - {record: essays.registered, field: data.class_id, map: {null: GUEST, else: REGULAR}}",
        "when: {class_type: REGULAR}",
        "  requested: {record: matching.requested}",
        "      - content_done: {within: people}",
        "  - occurs: {step: ready, times: 0..1, for_each: [event_id]}",
        "  - no_errors: {}",
    ]:
        assert f"\n{line}\n" in text, line
    assert all(len(line) <= 110 for line in text.splitlines())
    assert same(loads(text), shape)


# Text that YAML likes to misread, and any other that a file can hold.
ODD = [
    "yes",
    "null",
    "~",
    "",
    "1e5",
    "010",
    "22:30",
    "- a",
    "a: b",
    "#",
    "*",
    "<<",
    "=",
    "'",
    '"',
    "a\nb",
    "x ",
    ".inf",
    "\x85 ",
]
TEXTS = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
DURATIONS = st.sampled_from(["5m", "1.5s", "250ms", "1h30m", "hop"])
CONDITIONS = st.dictionaries(
    TEXTS,
    SCALARS
    | st.builds(
        Condition,
        ne=SCALARS,
        lt=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        in_=st.none() | st.lists(SCALARS, max_size=2).map(tuple),
        exists=st.none() | st.booleans(),
        matches=st.sampled_from([None, "^a+$", "(?i)x"]),
    ),
    max_size=2,
)
NAMES = st.lists(TEXTS, max_size=2).map(tuple)
STEPS = st.builds(
    Step,
    service=st.none() | TEXTS,
    span=TEXTS.filter(bool) | st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
    kind=st.sampled_from([None, "server", "consumer"]),
    status=st.sampled_from(["ok", "any"]),
    where=CONDITIONS,
    except_=st.none() | st.builds(Except, event=TEXTS, where=CONDITIONS),
    identity=NAMES,
    carries=NAMES,
    shared=st.booleans(),
) | st.builds(Step, record=TEXTS.filter(bool), identity=NAMES, optional=st.booleans())
FLOWS = st.builds(Correlation, key=TEXTS, aliases=NAMES, gives_up=st.none() | DURATIONS)
FACTS = st.lists(
    st.builds(Fact, attribute=TEXTS)
    | st.builds(Fact, record=TEXTS, field=TEXTS, map=st.none() | st.dictionaries(TEXTS, SCALARS, max_size=2)),
    min_size=1,
    max_size=2,
).map(tuple)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Any right shape, odd names included."""
    steps = draw(st.dictionaries(TEXTS.filter(lambda t: " of " not in t), STEPS, min_size=1, max_size=3))
    facts = draw(st.dictionaries(TEXTS, FACTS, min_size=1, max_size=2))
    step = st.sampled_from(sorted(steps))
    fact = st.sampled_from(sorted(facts))
    point = st.builds(lambda edge, name: edge + name, st.sampled_from(["", "start of ", "end of "]), step)
    point = point.filter(lambda p: p.removeprefix("start of ").removeprefix("end of ").strip() in steps)
    when = st.dictionaries(fact, SCALARS, max_size=1)
    times = st.integers(0, 9) | st.sampled_from([">=1", "0..1"]) | fact.map(lambda f: {"fact": f})
    rules = st.one_of(
        st.builds(lambda **k: ("never", k), step=step, when=when, after=st.none() | point),
        st.builds(lambda **k: ("never", k), step=step, between=st.tuples(point, point)),
        st.builds(lambda **k: ("leads_to", k), step=point, then=point, within=DURATIONS, same=NAMES),
        st.builds(lambda **k: ("propagates", k), attribute=TEXTS, one_of=st.lists(SCALARS, max_size=3).map(tuple)),
        st.builds(lambda **k: ("occurs", k), step=step, times=times),
    )
    chosen = draw(st.lists(rules, min_size=1, max_size=4))
    states = draw(st.lists(TEXTS.filter(lambda s: s != "*"), min_size=1, max_size=3, unique=True))
    machine = Machine(
        moves_by=MovesBy(step=StepName(draw(step)), from_=AttributeName(draw(TEXTS)), to=AttributeName(draw(TEXTS))),
        initial=states[0],
        moves={**{s: tuple(states[i:]) for i, s in enumerate(states)}, "*": ()},
        stays=draw(st.dictionaries(st.sampled_from(states), st.builds(Stay, at_most=DURATIONS), max_size=1)),
    )
    return Shape(
        shape=draw(st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True)),
        about=draw(TEXTS | st.sampled_from(["One.\nTwo.\n", "One.\n\nTwo.", "A: b.\n - c\n"])),
        params={"hop": "5m"},
        attributes=draw(st.dictionaries(TEXTS, NAMES, max_size=2)),
        flow=draw(FLOWS.flatmap(lambda f: st.builds(lambda s: replace(f, ends=Ends(steps=(s,))), step))),
        facts=facts,
        when=draw(when),
        steps=steps,
        machines={"m": machine},
        assertions=tuple(_rule(kind, parameters) for kind, parameters in chosen),
    )


def _rule(kind: str, parameters: dict[str, Any]) -> Rule:
    if isinstance(parameters.get("times"), dict):
        parameters["times"] = FactRef(**parameters["times"])
    return KINDS[kind](**parameters)


@settings(deadline=None)
@given(shapes())
def test_round_trip(shape: Shape) -> None:
    """What is written is read again as the same shape, and a YAML 1.1 reader sees the same texts."""
    text = dumps(shape)
    assert same(loads(text), shape)
    assert yaml.safe_load(text)["about" if shape.about else "shape"] == (shape.about or shape.shape)
    assert check_shape(shape) == []


def refused(text: str) -> tuple[str, ...]:
    """The problems of a text, none if it loads."""
    try:
        loads(text)
    except SpecError as error:
        return error.problems
    return ()


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_shape_or_a_spec_error(text: str) -> None:
    """Whatever the text, it is refused in an orderly way."""
    problems = refused(text)
    assert problems
    assert all(problem.startswith("shape:") for problem in problems)


SECTIONS = ["shape", "flow", "params", "facts", "when", "steps", "machines", "assertions"]
KEYS = st.sampled_from(
    [*SECTIONS, "never", "sequence", "occurs", "step", "times", "span", "key", "where", "moves", "a"]
)
JUNK = st.recursive(
    st.none() | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, JUNK, min_size=1))
def test_any_data_is_a_shape_or_a_spec_error(data: dict[str, Any]) -> None:
    """Whatever stands under the keys of a shape, each fault is told once and in one line."""
    problems = refused(yaml.safe_dump(data))
    assert len(set(problems)) == len(problems)
    assert all(problem.startswith("shape:") and "\n" not in problem for problem in problems)
    assert not any("Input should" in problem for problem in problems)


@settings(deadline=None)
@given(st.data())
def test_any_damage_is_a_spec_error(data: st.DataObject) -> None:
    """A shape with a piece cut out or doubled still loads or is refused in an orderly way."""
    start = data.draw(st.integers(0, len(BIG)))
    end = data.draw(st.integers(start, min(len(BIG), start + 40)))
    piece = data.draw(st.sampled_from(["", BIG[start:end] * 2, "\t", "{", "'", "&a ", "null"]))
    with contextlib.suppress(SpecError):
        loads(BIG[:start] + piece + BIG[end:])


# ---- JSON Schema


def as_editor(text: str) -> Any:
    """The data as an editor's reader sees it: lists, not tuples."""

    def lists(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: lists(item) for key, item in value.items()}
        return [lists(item) for item in value] if isinstance(value, tuple) else value

    return lists(read(text).data)


SCHEMA = json_schema()
VALID = {"big": BIG} | {name: dumps(load(name)) for name in shipped()}


def test_schema_is_a_schema() -> None:
    """It is a JSON Schema of 2020-12, closed everywhere, and knows every kind with its docstring."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in SCHEMA["$defs"].values())
    item = SCHEMA["properties"]["assertions"]["items"]["anyOf"][0]
    assert list(item["properties"]) == list(KINDS)
    assert item["properties"]["never"]["description"].startswith("A step does not happen in its scope.")
    assert SCHEMA["$defs"]["MovesBy"]["properties"]["step"]["description"] == "The name of a step."
    assert "places" not in SCHEMA["properties"]


@pytest.mark.parametrize("name", VALID)
def test_schema_accepts(name: str) -> None:
    """What loads is valid in an editor."""
    jsonschema.Draft202012Validator(SCHEMA).validate(as_editor(VALID[name]))


TINY = "shape: s\nflow: {key: k}\nsteps: {a: {span: x}, b: {span: y}}\nassertions:\n"


@pytest.mark.parametrize(
    "item", ["- no_errors", "- no_errors:", "- sequence: {steps: [a, b], id: x}", "- sequence: [a, b]"]
)
def test_schema_accepts_short_forms(item: str) -> None:
    """A kind without parameters and a list's both forms load and are valid in an editor too."""
    loads(TINY + item)
    jsonschema.Draft202012Validator(SCHEMA).validate(as_editor(TINY + item))


@pytest.mark.parametrize(
    "text",
    [
        TINY,
        TINY + "- never",
        TINY + "- never: {}",
        TINY + "- nevr: {step: a}",
        TINY + "- never: {stp: a}",
        TINY + "- never: {step: a, between: [a]}",
        TINY + "- never: {step: a}\n  occurs: {step: a, times: 1}",
        TINY + "- occurs: {step: a, times: true}",
        TINY + "- 5",
        "parms: {}\n" + TINY + "- no_errors",
        "places: []\n" + TINY + "- no_errors",
        TINY.replace("x}", "x, statuss: any}") + "- no_errors",
        TINY.replace("x}", "x, status: okay}") + "- no_errors",
        TINY.replace("x}", "x, except_: {event: e}}") + "- no_errors",
        TINY.replace("flow: {key: k}", "") + "- no_errors",
    ],
)
def test_schema_refuses(text: str) -> None:
    """Typos and wrong forms are marked in an editor, as they are refused by us."""
    assert refused(text)
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(as_editor(text))
