"""`verifier show`: a shape as a picture, in the terminal and as SVG.

In: the shipped shapes, one that is hard to draw, and some made here. Out: the texts of tests/golden/shapes, byte for
byte (`UPDATE_GOLDEN=1` writes them anew; review the diff), and pictures in which nothing lies on anything else.
"""

import os
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from verifier import shapeview
from verifier.cli import cli
from verifier.errors import UsageError
from verifier.shape import Correlation, Machine, MovesBy, Rule, Shape, Step, StepName
from verifier.shapeview.grid import BOX, Drawing, fit, place
from verifier.shapeview.order import in_order
from verifier.specfile import load, loads, with_params
from verifier.wording import columns, elide

GOLDEN = Path(__file__).parent / "golden" / "shapes"
ODD = str(GOLDEN / "odd.yaml")
SVG = "{http://www.w3.org/2000/svg}"


def long(steps: int = 60, services: int = 5) -> Shape:
    """A shape of many steps, one after the other, each with a rule back to the first."""
    names = [f"s{i}" for i in range(steps)]
    lines = [
        "shape: long",
        "flow: {key: k}",
        "steps:",
        *(f"  {n}: {{service: service-{i * 7 % services}, span: do.{n}}}" for i, n in enumerate(names)),
        "assertions:",
        f"  - sequence: [{', '.join(f'{n}: {{within: {i + 1}s}}' if i else n for i, n in enumerate(names))}]",
        *(f"  - leads_to: {{step: s0, then: {n}, within: 5m}}" for n in names[1:]),
        *(f"  - precedes: {{first: {n}, then: s1, count: 2}}" for n in names[2::9]),
    ]
    return loads("\n".join(lines))


def empty() -> Shape:
    """A shape without steps."""
    return loads("shape: empty\nflow: {key: k}\nassertions: [no_errors: {}]\n")


SHAPES = ("phase1-regular", "phase1-guest", ODD, "long", "wide", "empty")


def shape_of(which: str) -> Shape:
    """One of the shapes by its name."""
    made = {"long": long, "wide": lambda: long(60, 20), "empty": empty}
    return made[which]() if which in made else load(which)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard(Rule):
    """A kind of which the drawing has never heard."""

    kind: ClassVar[str] = "unheard"
    step: StepName
    then: StepName
    through: tuple[StepName, ...] = ()
    limit: int = 1


def show(*args: str) -> Result:
    """The command, run in this process."""
    return CliRunner().invoke(cli, ["show", *args], standalone_mode=False)


# ---- in the terminal


@pytest.mark.parametrize(("name", "encoding"), [("phase1-regular", "utf-8"), ("phase1-guest", "utf-8"), (ODD, "ascii")])
def test_the_text_is_the_golden_one(name: str, encoding: str) -> None:
    """The picture of each shape reads as it did when a person last looked at it."""
    text = shapeview.text(shapeview.picture(load(name)), encoding=encoding)
    path = GOLDEN / f"{Path(name).stem}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"UPDATE_GOLDEN=1 writes {path.name} anew; review the diff"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp437"])
@pytest.mark.parametrize("which", SHAPES)
def test_no_line_is_wider_than_a_terminal(which: str, encoding: str) -> None:
    """80 columns are enough, whatever the encoding lacks."""
    text = shapeview.text(shapeview.picture(shape_of(which)), encoding=encoding)
    text.encode(encoding)
    assert [line for line in text.splitlines() if columns(line) > 80] == []
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_with_many_services_the_service_stands_at_each_step() -> None:
    """Twenty lanes don't fit into a terminal."""
    text = shapeview.text(shapeview.picture(long(60, 20)))
    assert text.count("at service-") == 60
    assert text.count("\n  ●  s") == 60


def test_every_rule_of_a_shape_is_in_its_picture() -> None:
    """No rule is left out: each id is at an arrow, at a step, or below the picture."""
    for which in ("phase1-regular", "phase1-guest", ODD):
        shape = shape_of(which)
        text = shapeview.text(shapeview.picture(shape))
        assert [i for i in shape.ids() if f"[{i}]" not in text and f"  {i}: " not in text] == []


def test_params_are_shown_with_their_values() -> None:
    """Bounds are values, also those that `--param` sets."""
    assert "next, within 5m [sequence-1]" in show("phase1-regular").output
    changed = show("phase1-regular", "--param", "hop=7s").output
    assert "next, within 7s [sequence-1]" in changed
    assert "hop = 7s" in changed
    assert "within 5m" not in changed


def test_a_kind_that_is_not_known_is_said_in_words() -> None:
    """A new kind needs no change of the drawing: its steps are marked, its parameters are written down."""
    steps = {name: Step(span=name) for name in "abc"}
    rule = Unheard(step=StepName("a"), then=StepName("c"), through=(StepName("b"),), limit=5)
    picture = shapeview.picture(
        Shape(shape="new", flow=Correlation(key="k"), steps=steps, assertions=(rule,), params={"d": "5m"})
    )
    text = shapeview.text(picture)
    assert "← a: unheard [unheard-1]" in text
    assert "unheard: through [unheard-1]" in text
    assert "unheard-1: step a, then c, through b, limit 5" in text
    ElementTree.fromstring(shapeview.svg(picture))


def test_a_folder_is_shown_shape_by_shape(tmp_path: Path) -> None:
    """Several shapes come below each other; a picture holds one."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(
            f"shape: {name}\nflow: {{key: k}}\nassertions: [no_errors: {{}}]\n", encoding="utf-8"
        )
    shown = show(str(tmp_path)).output
    assert shown.index("one\n") < shown.index("two\n")
    with pytest.raises(UsageError, match=r"holds 2 shapes \(one, two\), a picture shows one"):
        raise show(str(tmp_path), "--svg", "-").exception or AssertionError("nothing was raised")


# ---- the order


def test_strong_pairs_decide_and_circles_are_cut() -> None:
    """A pair that contradicts those before it is left out; what is not said follows the order written."""
    assert in_order("abcd", [("c", "a")]) == ("b", "c", "a", "d")
    assert in_order("ab", [("b", "a"), ("a", "b")]) == ("b", "a")
    assert in_order("abc", [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")]) == ("a", "b", "c")
    assert in_order("", []) == ()


def test_steps_follow_the_sequence_first() -> None:
    """Where rules disagree, the sequence is the order that is drawn."""
    shape = loads(
        "shape: s\nflow: {key: k}\nsteps: {b: {span: b}, c: {span: c}, a: {span: a}}\n"
        "assertions:\n  - leads_to: {step: b, then: a}\n  - sequence: [a, b]\n"
    )
    graph = shapeview.picture(shape).steps
    assert [n.key for n in graph.nodes] == ["a", "b", "c"]
    assert [n.placed for n in graph.nodes] == [True, True, False]


# ---- as SVG


@pytest.mark.parametrize("which", SHAPES)
def test_the_svg_is_one_safe_document(which: str) -> None:
    """Well-formed, nothing from elsewhere, no scripts; with a title and a description."""
    text = shapeview.svg(shapeview.picture(shape_of(which)))
    root = ElementTree.fromstring(text)
    names = {e.tag.removeprefix(SVG) for e in root.iter()}
    assert names <= {"svg", "title", "desc", "style", "g", "rect", "path", "text"}
    assert not {a for e in root.iter() for a in e.attrib if a.startswith("on") or "href" in a}
    assert "url(" not in text
    assert "prefers-color-scheme:dark" in text
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert root.get("role") == "img"


@pytest.mark.parametrize("which", SHAPES)
def test_nothing_lies_on_anything_else(which: str) -> None:
    """Boxes, labels and lines keep apart; every text is inside its box, every box inside the picture."""
    picture = shapeview.picture(shape_of(which))
    for graph, top in ((picture.steps, 46), *((m.graph, 0) for m in picture.machines)):
        drawing = place(graph, top=top)
        assert overlaps(drawing) == []
        assert all(0 <= b.x <= drawing.width - BOX and b.y + b.height <= drawing.height for b in drawing.boxes)
        assert len(drawing.boxes) == len(graph.nodes)
        assert sum(line.tip for line in drawing.lines) == len(graph.arrows)


def test_overlapping_would_be_seen() -> None:
    """The test above can fail: boxes moved onto each other are found."""
    drawing = place(shapeview.picture(load("phase1-regular")).steps)
    drawing.boxes[1].x, drawing.boxes[1].y = drawing.boxes[0].x, drawing.boxes[0].y
    assert "boxes register, registered" in overlaps(drawing)


def overlaps(drawing: Drawing) -> list[str]:
    """What lies on something else: boxes on boxes, labels on boxes, lines through boxes or labels, tracks on tracks."""
    boxes = [(b.node.key, (b.x, b.y, b.x + BOX, b.y + b.height)) for b in drawing.boxes]
    labels = [(t.words, (t.x, t.y - 9, t.x + columns(t.words) * 6.1, t.y + 1)) for t in drawing.labels]
    segments = [(line, a, b) for line in drawing.lines for a, b in zip(line.points, line.points[1:], strict=False)]
    out = [f"boxes {a}, {b}" for (a, p), (b, q) in combinations(boxes, 2) if meet(p, q)]
    out += [f"labels {a}, {b}" for (a, p), (b, q) in combinations(labels, 2) if meet(p, q)]
    out += [f"label {a} on box {b}" for a, p in labels for b, q in boxes if meet(p, q)]
    for line, (x0, y0), (x1, y1) in segments:
        way = (min(x0, x1) + 0.5, min(y0, y1), max(x0, x1) - 0.5, max(y0, y1))
        out += [f"line {line.says} through box {b}" for b, q in boxes if meet(way, q)]
        out += [f"line {line.says} through label {b}" for b, q in labels if meet(way, q)]
    ups = [(line, a[0], sorted((a[1], b[1]))) for line, a, b in segments if a[0] == b[0] and a[1] != b[1]]
    for (one, x, (lo, hi)), (other, x2, (lo2, hi2)) in combinations(ups, 2):
        if x == x2 and one is not other and lo < hi2 and lo2 < hi:
            out.append(f"tracks of {one.says} and {other.says}")
    return out


Area = tuple[float, float, float, float]


def meet(p: Area, q: Area) -> bool:
    """Whether two areas share more than an edge; a line is an area without width."""
    return p[0] < q[2] and q[0] < p[2] and p[1] < q[3] and q[1] < p[3]


def test_what_a_shape_says_can_not_leave_its_place() -> None:
    """Tags, quotes, control signs and half characters are text, in the terminal too."""
    bad = "<script>&\"'\x1b[31m\ud800\ufffe\x00"
    shape = Shape(
        shape=bad,
        about=bad,
        flow=Correlation(key=bad),
        steps={bad: Step(span=bad, service=bad)},
        machines={bad: Machine(moves_by=MovesBy(step=StepName(bad), from_="f", to="t"), initial=bad, moves={})},
        assertions=(),
    )
    picture = shapeview.picture(shape)
    root = ElementTree.fromstring(shapeview.svg(picture))
    assert not [e for e in root.iter() if "script" in e.tag]
    assert "\x1b" not in shapeview.text(picture)
    assert "\x1b" not in shapeview.svg(picture)


def test_svg_goes_where_it_should(tmp_path: Path) -> None:
    """Into a file, or to standard output."""
    path = tmp_path / "p.svg"
    assert show("phase1-guest", "--svg", str(path)).output == ""
    assert path.read_text(encoding="utf-8") == show("phase1-guest", "--svg", "-").output
    wrong = show("phase1-guest", "--svg", str(tmp_path / "no" / "p.svg")).exception
    assert isinstance(wrong, UsageError)
    assert "give a path in a folder that exists" in str(wrong)


def test_long_words_lose_their_middle() -> None:
    """Both ends stay: that is where names differ."""
    assert elide("abcdefgh", 5) == "ab…gh"
    assert elide("abc", 3) == "abc"
    assert elide("注文注文", 5) == "注…文"
    assert elide("abcdefgh", 5, sign="...") == "a...h"
    assert fit("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", 60, 10, most=1)[0].startswith("a.b")


def test_a_param_must_exist() -> None:
    """A misspelt param is an error, not a picture of something else."""
    with pytest.raises(UsageError, match="hopp"):
        with_params([load("phase1-guest")], {"hopp": "5s"})
    assert isinstance(show("phase1-guest", "--param", "hopp=5s").exception, UsageError)
