"""True times for the oracle: are there any that agree with every stamp, cause and answer so far?

In: a case's rows. Out: `Times`, a set of bounds `i - j <= c` between moments and clocks, closed under addition, so that
a question is one look-up. A clock is off by one constant; two clocks by no more than the uncertainty, unless a cause
and its effect contradict them: then nothing is known of the two. Equal stamps of one clock may be in either order (an
end that equals a start is before it), without making a bound longer or shorter.
`PairTimes` is the design's weaker `before`: each pair of moments is asked for itself, and learns nothing of others.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.laws.oracle_case import Case, Row

NS = 1000  # finer than a stamp's nanosecond: room for the order of equal stamps
JITTER = 100
FAR = 10**30
UNSEEN = "?"  # a clock that stamped nothing that was observed


class Times:
    """What is known of the moments of one flow; `add` keeps it closed."""

    each_for_itself = False

    def __init__(self, case: "Case") -> None:
        self.index: dict[str, int] = {}
        self.bound: list[list[int]] = []
        self.case = case
        self.causes = causes(case)
        self.fine = not self.causes.circular
        self.wrong = wrong_clocks(case, self.causes)
        self.off = off_by(case, self.causes)
        for clock in (*clocks(case), UNSEEN):
            self.clock(f"clock {clock}")
        for row in case.rows:
            self._stamp(row)
        self._equal_stamps()
        for cause, effect in self.causes.pairs:
            self.add(start(cause), start(effect), -1)
            if effect.sort == "span":
                self.add(start(cause), f"{effect.id}.end", -1)

    def copy(self) -> "Times":
        """The same, to be narrowed."""
        other = object.__new__(type(self))
        other.index, other.bound, other.fine = dict(self.index), [list(row) for row in self.bound], True
        other.case, other.causes, other.wrong, other.off = self.case, self.causes, self.wrong, self.off
        return other

    def knows(self, name: str) -> bool:
        """Whether anything was said of the moment."""
        return name in self.index

    def possible(self) -> bool:
        """Whether any true times fit."""
        return self.fine

    def point(self, name: str) -> int:
        """A moment of which nothing is known yet."""
        if name not in self.index:
            self.index[name] = len(self.bound)
            for row in self.bound:
                row.append(FAR)
            self.bound.append([FAR] * len(self.bound) + [0])
        return self.index[name]

    def clock(self, name: str) -> None:
        """A clock, within the uncertainty of all that don't contradict it."""
        others = [n for n in self.index if n.startswith("clock ")]
        self.point(name)
        for other in others:
            if frozenset((name[6:], other[6:])) not in self.wrong:
                apart = self.case.uncertainty + self.off.get(name[6:], 0) + self.off.get(other[6:], 0)
                self.add(name, other, apart * NS)
                self.add(other, name, apart * NS)

    def allows(self, i: str, j: str, c: int) -> bool:
        """Whether i - j <= c fits with all that is known."""
        return self.bound[self.index[j]][self.index[i]] + c >= 0

    def add(self, i: str, j: str, c: int) -> None:
        """Takes i - j <= c for granted."""
        bound, a, b = self.bound, self.index[i], self.index[j]
        if bound[a][b] <= c:
            return
        if bound[b][a] + c < 0:
            self.fine = False
            return
        from_b = [(k, more + c) for k, more in enumerate(bound[b]) if more < FAR]
        for row in bound:
            base = row[a]
            if base < FAR and base + c < row[b]:
                for k, more in from_b:
                    if base + more < row[k]:
                        row[k] = base + more

    def _stamp(self, row: "Row") -> None:
        """A span's moments are its clock's stamps; a record was published between its maker's and its reader's."""
        clock = f"clock {row.clock}"
        if row.sort == "record":
            at, made = self_name(row, "at"), self_name(row, "made")
            self.point(at)
            self.point(made)
            self.add(made, at, 0)
            if row.start is not None and row.start == row.end:
                self._exactly(at, "clock broker", row.end)
                self._exactly(made, "clock broker", row.end)
                return
            assert row.end is not None
            self.add(at, "clock broker", row.end * NS + JITTER)
            if row.start is not None:
                self._exactly(made, clock, row.start)
            return
        assert row.start is not None
        begin, finish = self_name(row, "start"), self_name(row, "end")
        self.point(begin)
        self.point(finish)
        self._exactly(begin, clock, row.start)
        if row.end is None or row.end < row.start:
            self.add(begin, finish, 0)
        else:
            self._exactly(finish, clock, row.end)
        for index, event in enumerate(row.events):
            self.point(f"{row.id}*{index}.at")
            self.add(begin, f"{row.id}*{index}.at", -1 if event.at == row.start else FAR)
            self._exactly(f"{row.id}*{index}.at", clock, event.at)

    def _exactly(self, node: str, clock: str, stamp: int) -> None:
        self.add(node, clock, stamp * NS + JITTER)
        self.add(clock, node, -stamp * NS)

    def _equal_stamps(self) -> None:
        """An end that equals a start (or the moment of an event) on its clock is before it, unless that caused it."""
        for one in self.case.rows:
            for other in self.case.rows:
                if not (one.sort == other.sort == "span" and one.clock == other.clock and one.start <= one.end):  # type: ignore[operator]
                    continue
                if one is not other and one.end == other.start and (other, one) not in self.causes:
                    self.add(f"{one.id}.end", f"{other.id}.start", -1)
                for index, event in enumerate(other.events):
                    if one.end == event.at and (other, one) not in self.causes:
                        self.add(f"{one.id}.end", f"{other.id}*{index}.at", -1)


class PairTimes:
    """Each pair for itself: what its two stamps (or a path of causes) say, and the answers about this very pair."""

    each_for_itself = True

    def __init__(self, case: "Case") -> None:
        self.case = case
        self.causes = causes(case, mixed=False)
        self.wrong = wrong_clocks(case, self.causes)
        self.off = off_by(case, self.causes)
        self.exact: dict[str, tuple[str, int, int]] = {}
        self.owner = {}
        self.pairs: dict[tuple[str, str], list[int]] = {}
        for row in case.rows:
            for name, span in stamps(row).items():
                self.exact[name], self.owner[name] = span, row

    def copy(self) -> "PairTimes":
        """The same, to be narrowed."""
        other = object.__new__(PairTimes)
        other.case, other.causes, other.wrong, other.exact, other.owner = (
            self.case, self.causes, self.wrong, dict(self.exact), self.owner,
        )  # fmt: skip
        other.off = self.off
        other.pairs = {}
        return other

    def knows(self, name: str) -> bool:
        """Whether anything was said of the moment."""
        return name in self.exact

    def possible(self) -> bool:
        """Pairs always are."""
        return True

    def point(self, name: str) -> None:
        """A moment of which nothing is known yet."""
        self.exact.setdefault(name, ("?", -FAR, FAR))

    def allows(self, i: str, j: str, c: int) -> bool:
        """Whether i - j <= c fits with what is known of the pair."""
        return self._pair(i, j)[0] <= c

    def add(self, i: str, j: str, c: int) -> None:
        """Takes i - j <= c for granted; what is known of a ghost's clock is known of its moment."""
        if i.startswith("clock ") or j.startswith("clock "):
            name, stamp = (j, -c) if i.startswith("clock ") else (i, c)
            clock = i if i.startswith("clock ") else j
            _, low, high = self.exact[name]
            bounds = (max(low, stamp), high) if name == j else (low, min(high, stamp))
            self.exact[name] = (clock[6:], bounds[0], bounds[1])
            return
        pair = self._pair(i, j)
        pair[1] = min(pair[1], c)
        self.pairs[j, i] = [-pair[1], -pair[0]]

    def _pair(self, i: str, j: str) -> list[int]:
        """[least, most] of i - j."""
        if (i, j) not in self.pairs:
            low, high = self._stamped(i, j)
            if i in self.owner and j in self.owner:
                one, other = self.owner[i], self.owner[j]
                if (one, other) in self.causes and i == start(one):
                    high = min(high, -1)
                    low = low if low <= high else -FAR
                if (other, one) in self.causes and j == start(other):
                    low = max(low, 1)
                    high = high if low <= high else FAR
            self.pairs[i, j], self.pairs[j, i] = [low, high], [-high, -low]
        return self.pairs[i, j]

    def _stamped(self, i: str, j: str) -> tuple[int, int]:
        (one, low, high), (other, least, most) = self.exact[i], self.exact[j]
        if frozenset((one, other)) in self.wrong:
            return -FAR, FAR
        doubt = self.off.get(one, 0) + self.off.get(other, 0)
        apart = 0 if one == other else (self.case.uncertainty + doubt) * NS
        bounds = low - most - apart - JITTER * (one == other), high - least + apart + JITTER * (one == other)
        if one == other and low == high == least == most and i in self.owner and j in self.owner:
            if i.endswith(".end") and not j.endswith(".end") and self.owner[i] is not self.owner[j]:
                return -JITTER, -1
            if j.endswith(".end") and not i.endswith(".end") and self.owner[i] is not self.owner[j]:
                return 1, JITTER
        return bounds


def stamps(row: "Row") -> dict[str, tuple[str, int, int]]:
    """Moment -> (clock, not before, not after)."""
    if row.sort == "record":
        made = row.start if row.start is not None else -FAR
        assert row.end is not None
        exact = row.start == row.end
        by_maker = (
            "broker" if exact else row.clock or "?",
            made * NS,
            (made if row.start is not None else row.end) * NS,
        )
        return {
            f"{row.id}.at": ("broker" if exact else f"{row.clock or '?'} to broker", made * NS, row.end * NS),
            f"{row.id}.made": by_maker,
        }
    assert row.start is not None
    known = row.end is not None and row.end >= row.start
    out = {f"{row.id}.start": (row.clock, row.start * NS, row.start * NS)}
    out[f"{row.id}.end"] = (row.clock, (row.end if known else row.start) * NS, row.end * NS if known else FAR)  # type: ignore[operator]
    out |= {f"{row.id}*{n}.at": (row.clock, e.at * NS, e.at * NS) for n, e in enumerate(row.events)}
    return out


def self_name(row: "Row", edge: str) -> str:
    """The name of a row's moment."""
    return f"{row.id}.{edge}"


def start(row: "Row") -> str:
    """When it began: of a record, when it was published."""
    return f"{row.id}.at" if row.sort == "record" else f"{row.id}.start"


def clocks(case: "Case") -> list[str]:
    """Every clock that stamped something, the broker's among them."""
    return sorted({row.clock for row in case.rows} | {"broker"})


def causes(case: "Case", *, mixed: bool = True) -> "Closure":
    """Every (cause, effect) that a path of parents, links and messages connects; a partition's offsets order too, and
    where paths are `mixed`, together with them.
    """
    offsets = {
        (one.id, other.id)
        for one in case.rows
        for other in case.rows
        if one.sort == other.sort == "record"
        and (one.name, one.place[0]) == (other.name, other.place[0])
        and one.place[1] < other.place[1]
    }
    by_id = {row.id: row for row in case.rows}
    edges = set()
    complete = all(lossy.sort != "record" for lossy in case.lossy)
    for row in case.rows:
        if (
            row.kind == "consumer" and not _message(row) and complete
        ):  # it handled one of its topic's: not before the first
            topic = [
                r
                for r in case.rows
                if r.sort == "record" and r.name == row.attributes.get("messaging.destination.name")
            ]
            edges |= {(min(topic, key=lambda r: r.place).id, row.id)} if topic else set()
        edges |= {(source, row.id) for source in (row.parent, *row.links) if source in by_id}
        for other in case.rows:
            if _message(row) and _message(row) == _message(other):
                if (row.sort == "record" or row.kind == "producer") and other.kind == "consumer":
                    edges.add((row.id, other.id))
                if row.kind == "producer" and other.sort == "record":
                    edges.add((row.id, other.id))
    edges |= offsets if mixed else set()
    while more := {(a, d) for a, b in edges for c, d in edges if b == c} - edges:
        edges |= more
    pairs = [(by_id[a], by_id[b]) for a, b in sorted(edges | offsets) if a != b]
    return Closure(pairs, any(a == b for a, b in edges))


class Closure:
    """Pairs (cause, effect); `circular`: something is its own cause."""

    def __init__(self, pairs: "list[tuple[Row, Row]]", circular: bool) -> None:
        self.ids = {(a.id, b.id) for a, b in pairs}
        self.pairs, self.circular = pairs, circular

    def __contains__(self, pair: "tuple[Row, Row]") -> bool:
        return (pair[0].id, pair[1].id) in self.ids


def _message(row: "Row") -> object:
    return row.attributes.get("event_id")


def off_by(case: "Case", known: "Closure") -> dict[str, int]:
    """By how much a clock of such a pair may be off to any other clock (ADR 10): nobody knows which of the two is."""
    off: dict[str, int] = {}
    for cause, effect in known.pairs:
        if cause.sort == effect.sort == "span" and frozenset((cause.clock, effect.clock)) in wrong_clocks(case, known):
            for clock in (cause.clock, effect.clock):
                off[clock] = max(off.get(clock, 0), cause.start - effect.start)  # type: ignore[operator]
    return off


def wrong_clocks(case: "Case", known: "Closure") -> set[frozenset[str]]:
    """Pairs of clocks that a cause and its effect contradict, by more than the uncertainty."""
    out = set()
    for cause, effect in known.pairs:
        if cause.sort == effect.sort == "span" and cause.clock != effect.clock:
            late = cause.start - effect.start > case.uncertainty  # type: ignore[operator]
            out |= {frozenset((cause.clock, effect.clock))} if late else set()
    return out
