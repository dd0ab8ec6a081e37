"""The picture in a terminal: 80 columns, no colour.

In: a `Picture`. Out: text. A column of signs for each service, from top to bottom in the order of the flow; what comes
from another service comes along a line; every arrow is also said in words at its target.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from verifier.shapeview.picture import Graph, MachineView, Node, Picture
from verifier.shapeview.rules import Arrow
from verifier.wording import WIDTH, columns, elide, wrap

_LINES = {"down": "│", "across": "─", "over": "┼", "out right": "├", "out left": "┤", "right": "▶", "left": "◀"}
_SIGNS = {"span": "●", "event": "◆", "record": "■", "never": "✗", "from": "←", "to": "→", "…": "…"}
_PLAIN_LINES = {"down": "|", "across": "-", "over": "+", "out right": "+", "out left": "+", "right": ">", "left": "<"}
_PLAIN_SIGNS = {"span": "o", "event": "*", "record": "#", "never": "x", "from": "<-", "to": "->", "…": "..."}
MOST_LANES = 8
"""With more services than fit beside each other, the service stands at each step instead."""
STEP = 3
"""Columns from one lane to the next."""


def text(picture: Picture, *, encoding: str = "utf-8") -> str:
    """The picture as text; in ASCII where the encoding has no signs to draw with."""
    return "\n".join(_Terminal(encoding).lines(picture)) + "\n"


class _Terminal:
    """What an encoding can show."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.signs: Mapping[str, str] = {**_LINES, **_SIGNS}
        if any(self._lacks(sign) for sign in self.signs.values()):
            self.signs = {**_PLAIN_LINES, **_PLAIN_SIGNS}

    def _lacks(self, sign: str) -> bool:
        try:
            sign.encode(self.encoding)
        except UnicodeEncodeError:
            return True
        return False

    def say(self, words: str) -> str:
        """Words in which the encoding lacks no sign, before they are measured."""
        if words.isascii():
            return words
        return words.replace("…", self.signs["…"]).encode(self.encoding, "backslashreplace").decode(self.encoding)

    def lines(self, picture: Picture) -> Iterator[str]:
        """Everything, from top to bottom."""
        yield elide(self.say(picture.name), WIDTH, sign=self.signs["…"])
        if picture.about:
            yield from wrap(self.say(picture.about), first="  ", rest="  ")
        yield ""
        last = ""
        for label, words in picture.head:
            yield from wrap(self.say(words), first=f"  {'' if label == last else label:<10} ", rest=" " * 15)
            last = label
        yield ""
        yield from self.steps(picture.steps)
        for machine in picture.machines:
            yield ""
            yield from self.machine(machine)
        if picture.rules:
            yield ""
            yield "Rules beside the picture"
            for id_, words, at in picture.rules:
                where = f" ({at})" if at else ""
                yield from wrap(self.say(f"{id_}: {words}{where}"), first="  ", rest="      ")

    # ---- steps

    def steps(self, graph: Graph) -> Iterator[str]:
        """The lanes' names, then each step in its lane."""
        if not graph.nodes:
            yield "No steps"
            return
        many = len(graph.lanes) > MOST_LANES
        yield "Steps, in order"
        yield f"  {self.signs['span']} span  {self.signs['event']} event  {self.signs['record']} record"
        if any(node.mark == "never" for node in graph.nodes):
            yield f"  {self.signs['never']} must not happen"
        yield ""
        if not many:
            margin = "  "
            for i, lane in enumerate(graph.lanes):
                # each lane's name hangs on its own line, the last one lowest
                yield margin + self._row({}, i) + elide(self.say(lane), WIDTH - STEP * i - 2, sign=self.signs["…"])
        apart = False
        for node in graph.nodes:
            if not node.placed and not apart:
                apart = True
                yield ""
                yield "Steps that no rule puts in an order"
            yield from self.step(node, graph, many=many)

    def step(self, node: Node, graph: Graph, *, many: bool) -> Iterator[str]:
        """One step: its sign and name, what it matches, what must hold for it."""
        lanes = 1 if many else len(graph.lanes)
        incoming = [a for a in graph.arrows if a.target == node.key]
        yield ("  " + self._row({}, lanes)).rstrip() if node.placed else ""
        sign = {(0 if many else node.lane): self.signs["never" if node.mark == "never" else node.sort]}
        rest = "  " + (self._row({}, lanes) if node.placed else " " * STEP * lanes)
        first = "  " + (self._row(sign, lanes, self._source(node, incoming, graph, many=many)))
        if not node.placed:
            first = "  " + "".join(f"{sign.get(i, ' '):<{STEP}}" for i in range(lanes))
        title = elide(self.say(node.title), WIDTH - columns(first), sign=self.signs["…"])
        yield first + title
        if many:
            yield from wrap(self.say(f"at {graph.lanes[node.lane]}"), first=rest + "  ", rest=rest + "      ")
        yield from wrap(self.say(node.about), first=rest + "  ", rest=rest + "    ")
        titles = {n.key: n.title for n in graph.nodes}
        for words in (*self._arrows(incoming, titles), *self._notes(node)):
            yield from wrap(words, first=rest + "  ", rest=rest + "    ")

    def _arrows(self, incoming: Iterable[Arrow], titles: Mapping[str, str]) -> Iterator[str]:
        for a in incoming:
            source = elide(self.say(titles[a.source]), WIDTH // 2, sign=self.signs["…"])
            yield f"{self.signs['from']} {source}: {self.say(a.words)} [{self.say(a.by)}]"

    def _notes(self, node: Node) -> Iterator[str]:
        for n in node.notes:
            yield self.say(n.words) + (f" [{self.say(n.by)}]" if n.by else "")

    def _source(self, node: Node, incoming: Sequence[Arrow], graph: Graph, *, many: bool) -> int | None:
        """The lane from which a line leads to the step: that of what comes before it, by its strongest rule."""
        if many or not node.placed:
            return None
        above = {n.key: n.lane for n in graph.nodes[: graph.nodes.index(node)]}
        ranks = ("chain", "follows", "order")
        best = min((a for a in incoming if a.source in above), key=lambda a: ranks.index(a.style), default=None)
        return None if best is None or above[best.source] == node.lane else above[best.source]

    def _row(self, signs: Mapping[int, str], lanes: int, source: int | None = None) -> str:
        """One line of the lanes: a sign in its own, lines down in the others, a line to it from another lane."""
        cells = [signs.get(i, self.signs["down"]) + " " * (STEP - 1) for i in range(lanes)]
        if source is None:
            return "".join(cells)
        (target,) = signs
        across = self.signs["across"]
        for i in range(min(source, target), max(source, target)):
            cells[i] = cells[i][0] + across * (STEP - 1)
            if i not in (source, target):
                cells[i] = self.signs["over"] + across * (STEP - 1)
        if source < target:
            cells[source] = self.signs["out right"] + cells[source][1:]
            cells[target - 1] = cells[target - 1][:-1] + self.signs["right"]
        else:
            cells[source] = self.signs["out left"] + cells[source][1:]
            cells[target] = cells[target][0] + self.signs["left"] + across * (STEP - 2)
        return "".join(cells)

    # ---- machines

    def machine(self, machine: MachineView) -> Iterator[str]:
        """Each state with what it may move to."""
        yield from wrap(self.say(f"Machine {machine.name}: {machine.about}"), first="", rest="    ")
        titles = {n.key: n.title for n in machine.graph.nodes}
        for node in machine.graph.nodes:
            moves = [titles[a.target] for a in machine.graph.arrows if a.source == node.key]
            kind = {"initial": " (initial)", "final": " (final)", "both": " (initial, final)"}.get(node.mark, "")
            stay = "".join(f", {n.words}" for n in node.notes)
            yield from wrap(self.say(f"{node.title}{kind}{stay}"), first="  ", rest="      ")
            for target in moves:
                yield from wrap(self.say(target), first=f"    {self.signs['to']} ", rest="       ")
