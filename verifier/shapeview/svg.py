"""The picture as SVG: one file that needs nothing else, readable on light and on dark.

In: a `Picture`. Out: the text of an SVG document without scripts. Boxes, lines and letters carry a title for people who
can't see them, or who point at one that is elided; what is written there comes from the shape and is escaped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from verifier.shapeview.grid import BOX, LINE, MARKS, PAD, TITLE, Box, Drawing, fit, place
from verifier.shapeview.grid import Line as Way
from verifier.shapeview.picture import Graph, Node, Picture

MARGIN, LEAST = 24, 760
HEAD = 46
"""Room for the lanes' names above the first row."""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SHAPES = {"span": 4, "event": 14, "record": 0, "state": 14}  # how round the corners of a box are
_LIGHT = ("#ffffff", "#1b1f24", "#57606a", "#f6f8fa", "#8c959f", "#0550ae", "#b3261e")
_DARK = ("#0d1117", "#e6edf3", "#9da7b3", "#161b22", "#6e7681", "#79c0ff", "#ff8a80")


def svg(picture: Picture) -> str:
    """The picture as an SVG document."""
    return _Page(picture).document()


def _xml(words: str) -> str:
    """Words between tags."""
    return escape(_NOT_XML.sub("\ufffd", words))


class _Page:
    """A page that grows downwards."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.steps = place(picture.steps, top=HEAD)
        self.machines = [place(m.graph) for m in picture.machines]
        self.width = max(LEAST, *(d.width for d in (self.steps, *self.machines)))
        self.y = float(MARGIN)
        self.out: list[str] = []

    def document(self) -> str:
        p = self.picture
        self._head()
        self._heading("Steps, in order: who speaks from left to right, the flow from top to bottom")
        if p.steps.nodes:
            self._graph(p.steps, self.steps)
            self._legend(p.steps)
        else:
            self._words("This shape has no steps.", "plain")
        for machine, drawing in zip(p.machines, self.machines, strict=True):
            self._heading(f"Machine {machine.name}: {machine.about}")
            self._graph(machine.graph, drawing)
        if p.rules:
            self._heading("Rules beside the picture")
            for id_, words, at in p.rules:
                self._words(f"{id_}: {words}" + (f" ({at})" if at else ""), "plain")
        width, height = self.width + 2 * MARGIN, self.y + MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
                f'viewBox="0 0 {width:g} {height:g}" role="img" aria-label={quoteattr(_label(p))}>',
                f"<title>{_xml(p.name)}</title>",
                f"<desc>{_xml(_described(p))}</desc>",
                f"<style>{_style()}</style>",
                f'<rect class="fv-page" width="{width:g}" height="{height:g}"/>',
                *self.out,
                "</svg>",
                "",
            ]
        )

    # ---- text

    def _head(self) -> None:
        self._words(self.picture.name, "name", size=22, leading=28)
        if self.picture.about:
            self._words(self.picture.about, "plain", size=13, leading=19)
        self.y += 8
        last = ""
        for label, words in self.picture.head:
            if label != last:
                self._put(MARGIN, self.y + LINE, label, "label")
            last = label
            self._words(words, "plain", x=MARGIN + 84)

    def _heading(self, words: str) -> None:
        self.y += 26
        self._words(words, "heading", size=14, leading=20)
        self.y += 6

    def _words(self, words: str, role: str, *, x: float = MARGIN, size: float = 12, leading: float = 17) -> None:
        for line in fit(words, self.width + MARGIN - x, size, most=12):
            self._put(x, self.y + leading - 4, line, role)
            self.y += leading

    def _put(self, x: float, y: float, words: str, role: str, anchor: str = "") -> None:
        where = f' text-anchor="{anchor}"' if anchor else ""
        self.out.append(f'<text class="fv-{role}" x="{x:g}" y="{y:g}"{where}>{_xml(words)}</text>')

    # ---- graphs

    def _graph(self, graph: Graph, drawing: Drawing) -> None:
        self.out.append(f'<g transform="translate({MARGIN} {self.y:g})">')
        if graph.lanes != ("",):
            self._lanes(graph.lanes, drawing)
        for way in drawing.lines:
            self.out += _way(way)
        for box in drawing.boxes:
            self.out += _box(box)
        for label in drawing.labels:
            self._put(label.x, label.y, label.words, label.role)
        self.out.append("</g>")
        self.y += drawing.height

    def _lanes(self, names: Sequence[str], drawing: Drawing) -> None:
        for name, x in zip(names, drawing.lanes, strict=True):
            middle = x + BOX / 2
            self.out.append(f'<path class="fv-lane" d="M{middle:g} {HEAD - 8}V{drawing.height:g}"/>')
            for i, line in enumerate(fit(name, BOX, 13, most=2)):
                self._put(middle, 14 + i * 16, line, "service", anchor="middle")

    def _legend(self, graph: Graph) -> None:
        styles = {a.style for a in graph.arrows}
        words = {"chain": "next in the sequence", "follows": "must follow", "order": "only in this order"}
        self.y += 22
        x = float(MARGIN)
        for style in (s for s in words if s in styles):
            self.out += _way(Way(points=((x, self.y), (x + 40, self.y)), style=style))
            self._put(x + 48, self.y + 4, words[style], "label")
            x += 220
        if any(not node.placed for node in graph.nodes):
            self._put(x, self.y + 4, "dotted box: no rule puts it in an order", "label")
        self.y += 8


def _box(box: Box) -> Iterator[str]:
    """A node: its box, its name and what is said of it."""
    node = box.node
    classes = f"fv-box fv-{node.sort}" + (" fv-crossed" if node.mark == "never" else "")
    classes += "" if node.placed else " fv-loose"
    round_ = _SHAPES[node.sort]
    yield f"<g><title>{_xml(_told(node))}</title>"
    yield (f'<rect class="{classes}" x="{box.x:g}" y="{box.y:g}" width="{BOX}" height="{box.height:g}" rx="{round_}"/>')
    if node.mark in ("final", "both"):
        yield (
            f'<rect class="fv-inner" x="{box.x + 3:g}" y="{box.y + 3:g}" width="{BOX - 6}" '
            f'height="{box.height - 6:g}" rx="{round_ - 3}"/>'
        )
    y = box.y + PAD
    for role, words in box.texts:
        y += TITLE + 4 if role == "title" else LINE
        yield f'<text class="fv-{role}" x="{box.x + PAD:g}" y="{y - 4:g}">{_xml(words)}</text>'
    yield "</g>"


def _way(way: Way) -> Iterator[str]:
    """An arrow: a line around corners, and its head."""
    (x0, y0), *rest = way.points
    path = f"M{x0:g} {y0:g}" + "".join(f"L{x:g} {y:g}" for x, y in rest)
    x, y = way.points[-1]
    back = -8 if x > way.points[-2][0] else 8
    title = f"<title>{_xml(way.says)}</title>" if way.says else ""
    drawn = f'<path class="fv-way fv-{way.style}" d="{path}"/>'
    if way.tip:
        drawn += f'<path class="fv-tip" d="M{x:g} {y:g}l{back} -4v8z"/>'
    yield f"<g>{title}{drawn}</g>"


def _told(node: Node) -> str:
    notes = [n.words + (f" [{n.by}]" if n.by else "") for n in node.notes]
    return "; ".join(
        [node.title, *([node.about] if node.about else []), *notes, *([MARKS[node.mark]] if node.mark in MARKS else [])]
    )


def _label(picture: Picture) -> str:
    return _NOT_XML.sub("\ufffd", f"Shape {picture.name}")


def _described(picture: Picture) -> str:
    """What a person hears who can't see the picture."""
    titles = [n.title for n in picture.steps.nodes]
    about = f"{picture.about} " if picture.about else ""
    return f"{about}Steps: {', '.join(titles) or 'none'}."


def _style() -> str:
    """Light, and dark where the reader's screen is."""
    return "".join([*_colours(_LIGHT), *_FORM, "@media (prefers-color-scheme:dark){", *_colours(_DARK), "}"])


_FORM = (
    ".fv-page{stroke:none}text{font-family:'DejaVu Sans',Verdana,'Segoe UI',sans-serif}",
    f".fv-name{{font-size:22px;font-weight:bold}}.fv-heading{{font-size:{TITLE}px;font-weight:bold}}",
    f".fv-title{{font-size:{TITLE - 1}px;font-weight:bold}}.fv-service{{font-size:12px;font-weight:bold}}",
    ".fv-plain{font-size:12px}.fv-about,.fv-note,.fv-label,.fv-never{font-size:10.5px}.fv-never{font-weight:bold}",
    ".fv-box{stroke-width:1.2}.fv-record{stroke-width:2}.fv-loose{stroke-dasharray:2 3}.fv-inner{fill:none}",
    ".fv-lane{stroke-dasharray:1 5}.fv-way{fill:none;stroke-width:1.3;stroke-linejoin:round}",
    ".fv-chain{stroke-width:2.6}.fv-order{stroke-dasharray:5 4}",
)


def _colours(colours: Iterable[str]) -> Iterator[str]:
    page, ink, pale, box, line, arrow, bad = colours
    yield f".fv-page{{fill:{page}}}text{{fill:{ink}}}.fv-about,.fv-label{{fill:{pale}}}"
    yield f".fv-box{{fill:{box};stroke:{line}}}.fv-inner{{stroke:{line}}}.fv-lane{{stroke:{line}}}"
    yield f".fv-way{{stroke:{arrow}}}.fv-tip{{fill:{arrow}}}.fv-never{{fill:{bad}}}.fv-crossed{{stroke:{bad}}}"
