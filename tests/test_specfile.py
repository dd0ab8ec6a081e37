"""Shapes as YAML: what is read, what is refused and in which words, and that writing and reading agree."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from verifier import assertions, specfile
from verifier.errors import SpecError, UsageError
from verifier.shape import (
    PYDANTIC,
    Condition,
    Duration,
    Except,
    Fact,
    MovesBy,
    Place,
    Rule,
    Shape,
    Stay,
    Step,
    StepName,
)
from verifier.specfile import check_shape, dumps, load, load_all, loads, shipped, with_params
from verifier.specmeaning import bad_pattern
from verifier.specwords import nearest
from verifier.specyaml import read

KINDS = assertions.kinds()
DATA = Path(__file__).parent / "data"

SMALL = """\
shape: order
params: {hop: 5m}
flow: {key: order_id}
facts: {lane: [{attribute: lane}]}
when: {lane: fast}
steps: {placed: {span: place}, paid: {span: pay}}
machines: {order: {moves_by: {step: placed, from: a, to: b}, initial: open, moves: {open: [closed]}}}
assertions:
- never: {step: paid, after: placed}
"""

BIG = (DATA / "shape-big.yaml").read_text()


def problems(text: str) -> list[str]:
    """What is wrong with a text, the file named `f`."""
    with pytest.raises(SpecError) as error:
        loads(text, file="f")
    return list(error.value.problems)


def small(line: int, new: str) -> str:
    """The small shape with another text for one of its lines."""
    lines = SMALL.splitlines()
    lines[line - 1] = new
    return "\n".join(lines) + "\n"


def rule(text: str) -> str:
    """The small shape with another assertion (in line 9, its kind in column 3)."""
    return small(9, f"- {text}")


def test_small_shape_loads() -> None:
    """The base of the refusals below is itself right, so that each names only what it changes."""
    assert loads(SMALL).ids() == ("never-1",)


def test_big_shape_says_what_it_says() -> None:
    """Every part of the language arrives in its field."""
    shape = loads(BIG, file="shapes/regular.yaml")
    assert shape.facts["class_type"][1].map == {"null": "GUEST", "else": "REGULAR"}
    assert shape.steps["content_done"].except_ == Except(event="batch.status.transition", where={"applied": False})
    assert shape.machines["batch"].moves_by == MovesBy(step="change", from_="from", to="to")  # type: ignore[arg-type]
    assert shape.machines["batch"].stays["validated"] == Stay(at_most=Duration("hop"))
    assert [r.kind for r in shape.assertions[:3]] == ["sequence", "leads_to", "precedes"]
    assert shape.assertions[9].if_ == {"confidence": Condition(ge=0.7)}  # type: ignore[attr-defined]
    assert shape.assertions[11] == KINDS["no_errors"]()
    assert shape.places is not None
    assert shape.places[0] == Place(file="regular.yaml", line=64, column=5)
    assert str(shape.places[1]) == "regular.yaml:70"


ESCAPES = {"n": "\n", "t": "\t", "x07": "\x07", "\\": "\\"}


def refusals() -> dict[str, tuple[str, str]]:
    """The text and the problem of each refusal in the data file, by its name."""
    cases = {}
    for block in (DATA / "shape-refusals.txt").read_text().split("\n\n")[1:]:
        name, form, expected = block.strip("\n").split("\n")
        where, _, text = form.partition(":")
        text = re.sub(r"\\(n|t|x07|\\)", lambda m: ESCAPES[m[1]], text.removeprefix(" "))
        cases[name.removeprefix("# ")] = (text if where == "text" else small(int(where[5:]), text), expected)
    return cases


REFUSED = refusals()


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name: str) -> None:
    """Each fault is one problem, in these words and at this place."""
    text, expected = REFUSED[name]
    assert problems(text) == [expected]


def test_all_problems_at_once_sorted() -> None:
    """Faults of form, of reference and of YAML are all reported in one run, in the order of the lines."""
    text = """\
shape: an order
parms: {}
flow: {key: id, ends: {steps: [one]}}
steps:
  one: {span: a, statuss: any}
  two: {spann: b}
  one: 3
machines: 3
assertions:
- never: {step: too}
- nevr: {step: one}
- never: {step: two, after: [one]}
"""
    assert problems(text) == [
        "f:1:8: the shape's name is 'an order'; expected letters, digits, '_', '.' and '-' only",
        "f:2:1: the shape has no key 'parms'; did you mean 'params'?",
        "f:5:18: step 'one' has no key 'statuss'; did you mean 'status'?",
        "f:6:9: step 'two' has no key 'spann'; did you mean 'span'?",
        "f:7:3: the key 'one' is there twice; the first is in line 5",
        "f:8:11: 'machines' of the shape is 3; expected a mapping",
        "f:10:17: 'step' of assertion 'never': there is no step 'too'; did you mean 'two'?",
        "f:11:3: there is no assertion 'nevr'; did you mean 'never'?",
        "f:12:29: 'after' of assertion 'never' is a list; expected a step, 'start of STEP' or 'end of STEP'",
    ]


def test_alias_bomb_is_refused() -> None:
    """A few lines that unfold to 9⁹ values are refused, not unfolded."""
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        text += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    assert problems(text) == [
        "f:1:23: the file is too big; expected at most 50,000 values, aliases written out, and 40 levels"
    ]


def test_long_text_is_refused() -> None:
    """A text over 1 MiB is not even parsed."""
    assert problems("#" * (2**20 + 1)) == ["f:1:1: the text is over 1 MiB; expected a shape, which is far smaller"]


def test_many_faults_lose_their_hints() -> None:
    """Past a hundred faults the nearest name is no longer looked for; every fault is still told."""
    told = problems(SMALL + "".join(f"- never: {{step: payd, id: n{i}}}\n" for i in range(150)))
    assert len(told) == 150
    assert told[0].endswith("there is no step 'payd'; did you mean 'paid'?")
    assert told[-1].endswith("there is no step 'payd'")


def test_anchors_and_merges() -> None:
    """An alias repeats what its anchor marks; what is written beside `<<` wins, then the first that is merged."""
    text = small(
        6, "steps: {placed: &p {span: a, service: s}, paid: {<<: [*p, {shared: true, service: t}], span: b}, c: *p}"
    )
    steps = loads(text).steps
    assert steps["paid"] == Step(span="b", service="s", shared=True)
    assert steps["c"] == steps["placed"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("22:30", "22:30"),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("-5", -5),
        (".5", 0.5),
        ("True", True),
        ("~", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("[a]", ("a",)),
    ],
)
def test_scalars(text: str, value: object) -> None:
    """Only null, true, false and numbers are not text."""
    data = read(f"a: {text}").data["a"]
    assert data == value
    assert type(data) is type(value)


def test_keys_are_text() -> None:
    """A key is the text that is written, an empty or null one is `null`."""
    assert list(read("{null: a, true: b, 010: c, 1.50: d}").data) == ["null", "true", "010", "1.50"]


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+", r"(a*)*b", r"(?:a{2,}|b)+", r"((a+)?)*", r"(x(a+)y)*", r"([ab]+)+", "[", "a" * 1_001, "(" * 600],
)
def test_bad_patterns(pattern: str) -> None:
    """A pattern that may hang, that is too long or no pattern has a reason against it."""
    assert bad_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"a+b*", r"(ab)+", r"(a+)?", r"\(a+\)+", r"[(a+)]+", r"(a{2})+", r"^SV\d$", ""])
def test_good_patterns(pattern: str) -> None:
    """Repeats side by side, in brackets or escaped are fine."""
    assert bad_pattern(pattern) is None


# ---- kinds of others


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One kind of bound."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    within: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Another kind of bound."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    least: int
    most: int

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError("least is above most")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs(Rule):
    """A kind with every form of parameter."""

    kind: ClassVar[str] = "pairs"
    list_parameter: ClassVar[str] = "names"
    names: tuple[StepName, ...]
    bound: Gap | Band | None = None
    per_step: Mapping[StepName, Duration] = field(default_factory=dict)

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """Refuses a pair of one."""
        assert all(name in shape.steps for name in self.names)
        return [] if len(self.names) == 2 else [("names", "'pairs' needs two names")]


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind `pairs` beside the real ones."""
    monkeypatch.setattr(assertions, "kinds", lambda: {**KINDS, "pairs": Pairs})


@pytest.mark.usefixtures("pairs")
def test_kind_of_another_package() -> None:
    """A bare list is the list parameter; unions of dataclasses and step names as keys are read."""
    long = "{names: [paid, paid], bound: {least: 1, most: 2}, per_step: {paid: hop}}"
    shape = loads(rule(f"pairs: [paid, placed]\n- pairs: {long}"))
    assert shape.assertions[0] == Pairs(names=(StepName("paid"), StepName("placed")))
    assert shape.assertions[1].bound == Band(least=1, most=2)  # type: ignore[attr-defined]
    assert "- pairs: [paid, placed]\n" in dumps(shape)


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("[paid]", "10: 'pairs' needs two names"),
        ("{names: [paid]}", "18: 'pairs' needs two names"),
        ("[payd]", "11: 'names[0]' of assertion 'pairs': there is no step 'payd'; did you mean 'paid'?"),
        (
            "{names: [paid, paid], bound: {least: 1, most: x}}",
            "56: 'bound.most' of assertion 'pairs' is 'x'; expected a whole number",
        ),
        (
            "{names: [paid, paid], bound: {least: 2, most: 1}}",
            "39: 'bound' of assertion 'pairs' can't be read: least is above most",
        ),
        ("{names: [paid, paid], bound: {least: 1}}", "39: 'bound' of assertion 'pairs' needs 'most'"),
        (
            "{names: [paid, paid], bound: 5}",
            "39: 'bound' of assertion 'pairs' is 5; expected a mapping (within) or a mapping (least, most)",
        ),
        (
            "{names: [paid, paid], per_step: {x: hop}}",
            "43: 'per_step' of assertion 'pairs': there is no step 'x'; the shape has: placed and paid",
        ),
        (
            "{names: [paid, paid], per_step: {paid: hup}}",
            "49: 'per_step.paid' of assertion 'pairs' is 'hup'; expected a duration such as 5m, 1.5s or 250ms, "
            "or the name of a param; did you mean 'hop'?",
        ),
        ("5", "10: assertion 'pairs' is 5; expected a list or a mapping"),
    ],
)
def test_refusals_of_another_package(parameters: str, expected: str) -> None:
    """Names and forms are checked by the annotations, whatever the kind; its own word comes last and only then."""
    assert problems(rule(f"pairs: {parameters}")) == [f"f:9:{expected}"]


# ---- files


def test_folder_name_and_file(tmp_path: Path) -> None:
    """Files and folders give their shapes, a folder's sorted by file name, a file given twice only once."""
    for name, file in [("two", "b.yaml"), ("one", "a.yml"), ("no", "c.txt"), ("no", ".d.yaml")]:
        (tmp_path / file).write_text(small(1, f"shape: {name}"))
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + small(1, "shape: three").encode())
    names = [shape.shape for shape in load_all([str(tmp_path / "b.yaml"), str(tmp_path)])]
    assert names == ["two", "one", "three"]
    assert load(tmp_path / "a.yml").places == (Place(file="a.yml", line=9, column=3),)


def test_problems_of_all_files(tmp_path: Path) -> None:
    """What is wrong in several files is said at once, each by the path that was given."""
    (tmp_path / "a.yaml").write_text(small(2, "parms: {}"))
    (tmp_path / "b.yaml").write_bytes(b"shape: a\nabout: \xc3\xa9\xff")
    (tmp_path / "c.yaml").write_bytes(b" " * (2**20 + 1))
    (tmp_path / "d.yaml").write_text(SMALL)
    (tmp_path / "e.yaml").write_text("\n" + SMALL)
    with pytest.raises(SpecError) as error:
        load_all([str(tmp_path)])
    assert error.value.problems == (
        f"{tmp_path}/a.yaml:2:1: the shape has no key 'parms'; did you mean 'params'?",
        f"{tmp_path}/b.yaml:2:9: byte 0xff is not UTF-8; save the file as UTF-8",
        f"{tmp_path}/c.yaml:1:1: the file is over 1 MiB; expected a shape, which is far smaller",
        f"{tmp_path}/e.yaml:2:8: the shape name 'order' is taken by {tmp_path}/d.yaml:1:8",
    )


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is no file and no shape is answered with the nearest shape, and with what could be given."""
    monkeypatch.setattr(specfile, "shipped", lambda: ("phase1-guest", "phase1-regular"))
    ours = "a file, a folder or one of: phase1-guest and phase1-regular"
    with pytest.raises(UsageError) as error:
        load_all(["phase1-guets", "/nowhere/x.yaml"])
    assert str(error.value).splitlines() == [
        f"phase1-guets: there is no such file or shape; did you mean 'phase1-guest'? Else give {ours}",
        f"/nowhere/x.yaml: there is no such file or shape; give {ours}",
    ]
    with pytest.raises(UsageError, match=r"is a folder; give one file of it or one of: phase1-guest"):
        load(tmp_path)
    with pytest.raises(UsageError, match=r"the folder has no shapes; expected files that end in \.yaml or \.yml$"):
        load_all([str(tmp_path)])


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that can't be read is said to be so."""
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(UsageError, match=r"a\.yaml: the file can't be read: Is a directory; check its permissions"):
        load_all([str(tmp_path)])


@pytest.mark.parametrize("name", shipped())
def test_shipped_shape_loads(name: str) -> None:
    """Every shape that ships is right, by its own name, and survives writing."""
    shape = load(name)
    assert shape.shape == name
    assert check_shape(shape) == []
    assert replace(loads(dumps(shape)), places=None) == replace(shape, places=None)


# ---- params


def test_with_params() -> None:
    """A param is set in every shape that has it and nowhere else."""
    one, two = loads(SMALL), loads(small(2, "params: {hop: 5m, wait: 1h}"))
    first, second = with_params([one, two], {"wait": "2h", "hop": "1s"})
    assert (first.params, second.params) == ({"hop": "1s"}, {"hop": "1s", "wait": "2h"})


def test_with_params_refuses() -> None:
    """Unknown params and values that are no durations are refused together."""
    with pytest.raises(UsageError) as error:
        with_params([loads(SMALL)], {"hop": "5x", "hopp": "5s", "zzz": "5s"})
    assert str(error.value).splitlines() == [
        "--param hop=5x: '5x' is no duration; expected e.g. 5m, 1.5s, 250ms",
        "--param hopp=5s: no shape has a param 'hopp'; did you mean 'hop'?",
        "--param zzz=5s: no shape has a param 'zzz'; expected one of: hop",
    ]


# ---- shapes made in Python


def made(**changes: Any) -> Shape:
    """A right shape made in Python, with changes."""
    return replace(loads(SMALL), **{"places": None, **changes})


def kind(name: str, **given: Any) -> Rule:
    """An assertion by the name of its kind, whatever its parameters."""
    return KINDS[name](**given)


def never(**given: Any) -> Rule:
    """The kind `never`, whatever its parameters."""
    return kind("never", **given)


SPAN = Step(span="a")
HOLDS = "expected text, a number, true, false, a list or a mapping"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"assertions": (never(step="paid"), never(step="payd"))},
            "assertions[1].step: 'step' of assertion 'never': there is no step 'payd'; did you mean 'paid'?",
        ),
        (
            {"assertions": (kind("sequence", steps=("placed", "x")),)},
            "assertions[0].steps[1]: 'steps[1]' of assertion 'sequence': there is no step 'x'; "
            "the shape has: placed and paid",
        ),
        (
            {"assertions": ()},
            "assertions: the shape has no assertions; expected a list under 'assertions' with at least one",
        ),
        ({"assertions": [never(step="paid")]}, "assertions: this is of type list; expected tuple"),
        ({"assertions": ({"never": {"step": "paid"}},)}, "assertions[0]: this is of type dict; expected Never"),
        (
            {"steps": {"placed": Step(), "paid": SPAN}},
            "steps.placed: step 'placed' needs exactly one of 'span', 'event' or 'record'; it has none",
        ),
        ({"steps": {"placed": {"span": "a"}, "paid": SPAN}}, "steps.placed: this is of type dict; expected Step"),
        (
            {"steps": {"placed": Step(span="a", shared=1), "paid": SPAN}},  # type: ignore[arg-type]
            "steps.placed.shared: 'shared' of step 'placed' is 1; expected true or false",
        ),
        (
            {"facts": {"lane": (Fact(record="r", field="f", map={None: "x"}),)}},  # type: ignore[dict-item]
            "facts.lane[0].map: this has keys that are not text; expected text",
        ),
        ({"when": {"lane": Condition(lt=float("nan"))}}, f"when.lane.lt: this is nan; {HOLDS}"),
        ({"about": b"x"}, f"about: this is of type bytes; {HOLDS}"),
    ],
)
def test_check_shape(changes: dict[str, Any], expected: str) -> None:
    """A shape made in Python is checked like a file, its places being fields."""
    assert check_shape(made(**changes)) == [f"shape order: {expected}"]


def test_check_shape_of_no_kind() -> None:
    """A rule of no kind is none."""
    (problem,) = check_shape(made(assertions=(Rule(),)))
    assert problem.startswith("shape order: assertions[0]: there is no assertion ''; there are: ")


def test_check_shape_places() -> None:
    """The caller may say where something was written."""
    shape = made(assertions=(never(step="x"),))
    assert check_shape(shape, lambda path: f"here/{path}")[0].startswith("here/assertions[0].step: 'step' of")


def test_check_shape_is_content() -> None:
    """A right shape has no problems."""
    assert check_shape(made()) == []
    assert check_shape(loads(BIG)) == []


@pytest.mark.parametrize(
    ("section", "meant"), [("step", "steps"), ("assertion", "assertions"), ("asertions", "assertions")]
)
def test_a_misspelt_section_is_one_problem(section: str, meant: str) -> None:
    """What speaks of its contents is not wrong for that; what is wrong beside it is still told."""
    number = next(n for n, line in enumerate(SMALL.splitlines(), 1) if line.startswith(f"{meant}:"))
    text = SMALL.replace(f"\n{meant}:", f"\n{section}:")
    assert problems(text) == [f"f:{number}:1: the shape has no key '{section}'; did you mean '{meant}'?"]
    if meant == "steps":
        told = problems(text + "- never: {step: payed}\n")
        assert told[1:] == [
            "f:10:17: 'step' of assertion 'never': there is no step 'payed'; did you mean 'paid'?",
        ]


@pytest.mark.parametrize(
    ("word", "known", "name"),
    [
        ("payed", ["placed", "paid"], "paid"),
        ("plced", ["placed", "paid"], "placed"),
        ("shiped", ["skipped", "shipped"], "shipped"),
        ("teh", ["toe", "the"], "the"),
        ("deadline", ["within", "for"], "within"),
        ("zzz", ["placed"], None),
    ],
)
def test_the_nearest_name_has_the_fewest_slips(word: str, known: list[str], name: str | None) -> None:
    """Of several the one that begins like the word; a swap is one slip."""
    assert nearest(word, known) == name


@pytest.mark.parametrize(
    ("point", "meant"),
    [("ende of paid", "end of paid"), ("strat of paid", "start of paid"), ("edn of payed", "end of paid")],
)
def test_a_misspelt_end_of_a_step_is_named(point: str, meant: str) -> None:
    """Not the step alone, which is its start."""
    (told,) = problems(SMALL + f"- precedes: {{first: {point}, then: placed}}\n")
    assert told.endswith(f": 'first' of assertion 'precedes' is '{point}'; did you mean '{meant}'?")
