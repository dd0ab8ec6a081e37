"""Where everything of a graph stands: boxes in lanes, one to a row; arrows in the gutters between lanes.

In: a `Graph`. Out: boxes, lines and labels with their places in pixels. Nothing can overlap, by construction: a row
holds one box, so a line across in its row meets no other box; lines up and down run in gutters, each in a track of its
own; each arrow has a slot of its own at its box, as high as its label, and labels lie between box and tracks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from verifier.shapeview.picture import Graph, Node
from verifier.shapeview.rules import Arrow
from verifier.wording import elide, wrap

BOX, LABEL, TRACK, EDGE = 262, 166, 11, 12
"""Widths: of a box, of the room for labels beside it, of a track, of a gutter's margin."""
TITLE, SMALL = 14, 11
"""Sizes of letters."""
LINE, GAP, PAD, SLOT = 14, 20, 9, 8
"""Heights: of a line of small text, between rows, inside a box, of a slot around its label."""
MOST_LINES = 9
MARKS = {"initial": "initial", "final": "final", "both": "initial and final"}
_EM = 0.61  # how wide a letter is, of its size: as wide as those of common fonts, so that nothing is cut off


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words at a place; `role` says in which letters, `anchor` which end of them stands at x."""

    x: float
    y: float
    words: str
    role: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A way with its corners; it ends in a head (`tip`), or where others branch off."""

    points: tuple[tuple[float, float], ...]
    style: str
    says: str = ""
    tip: bool = True


@dataclass(slots=True, kw_only=True)
class Box:
    """A node with its place and its text, and the slots of its two sides."""

    node: Node
    texts: list[tuple[str, str]]
    x: float = 0
    y: float = 0
    height: float = 0
    slots: dict[str, list["Slot"]] = field(default_factory=lambda: {"left": [], "right": []})


@dataclass(slots=True, kw_only=True)
class Slot:
    """Where a line meets a box: of one arrow that comes in, or of all that go out together."""

    label: list[str]
    y: float = 0

    @property
    def height(self) -> float:
        return len(self.label) * LINE + SLOT


@dataclass(slots=True, kw_only=True)
class Trunk:
    """All arrows of one style from one box into one gutter: they leave together, and share a track."""

    source: Box
    gutter: int
    style: str
    out: Slot
    into: list[tuple[Arrow, Box, Slot]] = field(default_factory=list)
    track: int = 0

    @property
    def reach(self) -> tuple[float, float]:
        """From where to where its track runs."""
        ys = [self.out.y, *(slot.y for _, _, slot in self.into)]
        return min(ys), max(ys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A graph with places: how large, where lanes are, and all that is drawn."""

    width: float
    height: float
    lanes: tuple[float, ...]
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    labels: tuple[Text, ...]


def fit(words: str, width: float, size: float, *, most: int = MOST_LINES) -> list[str]:
    """Lines of letters of this size that fit into a width; what is more than `most` lines is elided."""
    cols = max(int(width / (size * _EM)), 4)
    lines = wrap(words, width=cols)
    while len(lines) > most:
        words = elide(words, min(len(words) - 1, cols * most))
        lines = wrap(words, width=cols)
    return lines


def place(graph: Graph, *, top: float = 0) -> Drawing:
    """Gives everything of a graph its place; `top` is kept free above the first row."""
    boxes = {node.key: _box(node) for node in graph.nodes}
    trunks = _trunks(graph, boxes)
    rooms = [_rooms(g, len(graph.lanes), trunks) for g in range(len(graph.lanes) + 1)]
    _rows(boxes.values(), top)
    _tracks(trunks)
    lefts, x = [], 0.0
    starts: list[float] = []
    for g, (before, after) in enumerate(rooms):
        tracks = 1 + max((t.track for t in trunks if t.gutter == g), default=-1)
        starts.append(x + before + EDGE)
        x += before + EDGE + tracks * TRACK + EDGE / 2 + after
        if g < len(graph.lanes):
            lefts.append(x)
            x += BOX
    for box in boxes.values():
        box.x = lefts[box.node.lane]
    lines, labels = _drawn(trunks, starts)
    return Drawing(
        width=x,
        height=max((b.y + b.height for b in boxes.values()), default=top),
        lanes=tuple(lefts),
        boxes=tuple(boxes.values()),
        lines=tuple(lines),
        labels=tuple(labels),
    )


def _box(node: Node) -> Box:
    inside = BOX - 2 * PAD
    texts = [("title", t) for t in fit(node.title, inside, TITLE, most=2)]
    texts += [("about", t) for t in (fit(node.about, inside, SMALL) if node.about else [])]
    texts += [("label", MARKS[node.mark])] if node.mark in MARKS else []
    for note in node.notes:
        texts += [("never" if note.never else "note", t) for t in fit(note.words, inside, SMALL)]
    return Box(node=node, texts=texts)


def _trunks(graph: Graph, boxes: dict[str, Box]) -> list[Trunk]:
    """Which arrows leave together, and on which sides of which boxes they begin and end."""
    found: dict[tuple[str, int, str, bool], Trunk] = {}
    rank = {node.key: i for i, node in enumerate(graph.nodes)}
    # first what comes from above, the nearest last, so that lines beside a box don't cross more than they must
    for a in sorted(graph.arrows, key=lambda a: (rank[a.target], rank[a.source])):
        source, target = boxes[a.source], boxes[a.target]
        rightwards = source.node.lane < target.node.lane
        same = source.node.lane == target.node.lane
        gutter = target.node.lane if rightwards or same else target.node.lane + 1
        slot = Slot(label=fit(a.words, LABEL - 8, SMALL, most=4) if a.words else [])
        target.slots["left" if rightwards or same else "right"].append(slot)
        key = (a.source, gutter, a.style, same)
        if key not in found:
            found[key] = Trunk(source=source, gutter=gutter, style=a.style, out=Slot(label=[]))
        found[key].into.append((a, target, slot))
    for trunk in found.values():
        leaves_left = trunk.gutter <= trunk.source.node.lane
        trunk.source.slots["left" if leaves_left else "right"].append(trunk.out)
    return list(found.values())


def _rooms(gutter: int, lanes: int, trunks: Sequence[Trunk]) -> tuple[float, float]:
    """How much room labels need at both sides of a gutter: beside the box to its left, and to its right."""
    into = [(box, slot) for t in trunks if t.gutter == gutter for _, box, slot in t.into]
    left = any(box.node.lane == gutter - 1 and slot.label for box, slot in into)
    right = any(box.node.lane == gutter and slot.label for box, slot in into)
    bare = EDGE if 0 < gutter < lanes or into else 0.0
    return (LABEL if left else bare), (LABEL if right else bare + EDGE)


def _rows(boxes: Iterable[Box], top: float) -> None:
    """Boxes below each other, each as high as its text and its slots need."""
    y = top
    for box in boxes:
        text = sum(TITLE + 4 if role == "title" else LINE for role, _ in box.texts)
        sides = [sum(s.height for s in side) for side in box.slots.values()]
        box.y, box.height = y, max(text, *sides) + 2 * PAD
        for side in box.slots.values():
            at = y + PAD
            for slot in side:
                at += slot.height
                slot.y = at - SLOT / 2
        y += box.height + GAP


def _tracks(trunks: Sequence[Trunk]) -> None:
    """Gives each trunk the first track of its gutter in which it meets no other; the shortest stand nearest."""
    taken: dict[int, list[list[tuple[float, float]]]] = {}
    for trunk in sorted(trunks, key=lambda t: t.reach[1] - t.reach[0]):
        lo, hi = trunk.reach
        tracks = taken.setdefault(trunk.gutter, [])
        free = (i for i, used in enumerate(tracks) if all(hi + SLOT < a or b < lo - SLOT for a, b in used))
        i = next(free, len(tracks))
        if i == len(tracks):
            tracks.append([])
        trunk.track = i
        tracks[i].append((lo, hi))


def _drawn(trunks: Sequence[Trunk], starts: Sequence[float]) -> tuple[list[Line], list[Text]]:
    """Lines with their corners, and labels beside their heads."""
    lines: list[Line] = []
    labels: list[Text] = []
    count = {t.gutter: max(u.track for u in trunks if u.gutter == t.gutter) + 1 for t in trunks}
    for t in trunks:
        x = starts[t.gutter] + (count[t.gutter] - 1 - t.track) * TRACK
        begin = (t.source.x if t.gutter <= t.source.node.lane else t.source.x + BOX, t.out.y), (x, t.out.y)
        if len(t.into) > 1:  # what is shared is drawn once: a line drawn twice looks bold
            lo, hi = t.reach
            lines.append(Line(points=(*begin, (x, lo), (x, hi)), style=t.style, tip=False))
        for a, box, slot in t.into:
            left = box.node.lane == t.gutter
            end = box.x if left else box.x + BOX
            says = f"{t.source.node.title} to {box.node.title}" + (f": {a.words}" if a.words else "")
            way = (*(begin if len(t.into) == 1 else ()), (x, slot.y), (end, slot.y))
            lines.append(Line(points=way, style=a.style, says=f"{says} [{a.by}]" if a.by else says))
            beside = box.x - LABEL + 2 if left else end + 14
            for i, words in enumerate(slot.label):
                y = slot.y - 5 - (len(slot.label) - 1 - i) * LINE
                labels.append(Text(x=beside, y=y, words=words, role="label"))
    return lines, labels
