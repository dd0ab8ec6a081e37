"""How a shape's problems are worded, and where they are gathered.

In: paths, values and names of a shape's data. Out: `Problem`, a sentence with its path; the words for what a path leads
to and for what somebody wrote there; the nearest name to one that isn't known.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from verifier.specyaml import Path, show

MOST_HINTS = 100  # a file with more faults than this needs another cure than hints
# What people write for a name of ours: the terms of DECLARE and Dwyer, and what other tools say.
ALSO = {
    "limit": "within",
    "deadline": "within",
    "max": "within",
    "absence": "never",
    "existence": "occurs",
    "exists": "occurs",
    "count": "occurs",
    "response": "leads_to",
    "responds": "leads_to",
    "precedence": "precedes",
    "chain": "sequence",
    "conformance": "conforms",
    "topic": "record",
    "name": "span",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault: where in the data, and the sentence. `key`: the key is wrong, not its value."""

    path: Path
    text: str
    key: bool = False


@dataclass(slots=True, kw_only=True)
class Problems:
    """What was found so far in some data; `meant`: keys that something misspelt stands for, so that none is missing.

    `written`: for a section of the shape that is misspelt, the key that was written for it.
    """

    data: Mapping[str, Any]
    found: list[Problem] = field(default_factory=list)
    meant: set[Path] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)

    def add(self, path: Path, text: str, *, key: bool = False) -> None:
        self.found.append(Problem(path=path, text=text, key=key))

    def declared(self, section: str) -> list[str]:
        """The names that a section of the shape gives, whether or not what they name is right."""
        return list(self.section(section))

    def section(self, name: str) -> Mapping[str, Any]:
        """A section of the shape, also under a misspelt name; empty if it is no mapping."""
        given = self.data.get(self.written.get(name, name))
        return given if isinstance(given, dict) else {}

    def hint(self, word: str, known: Iterable[str], *, have: str, path: Path | None = None) -> str:
        """`; did you mean 'x'?`, else what there is. `path`: of the mapping whose key the word would be."""
        known = list(known)
        if len(self.found) >= MOST_HINTS:
            return ""
        name = nearest(word, known)
        if name is None:
            return f"; {have}: {listed(known)}" if known else ""
        if path is not None:
            self.meant.add((*path, name))
            if not path:
                self.written.setdefault(name, word)
        return f"; did you mean {show(name)}?"


def nearest(word: str, known: AbstractSequence[str]) -> str | None:
    """The name that somebody may have meant, None if none is near."""
    also = [name for name, ours in ALSO.items() if ours in known]
    close = get_close_matches(word, [*known[:1_000], *also], n=5) if len(word) < 100 else []
    if not close:
        return None
    best = closest(word, close)
    return best if best in known else ALSO[best]


def closest(word: str, names: Iterable[str]) -> str:
    """The name with the fewest slips from a word; of several the one that begins most like it: `payed` is `paid`."""
    return min(names, key=lambda name: (_slips(word, name), -_alike(word, name)))


def _alike(a: str, b: str) -> int:
    """How many letters both begin with."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _slips(a: str, b: str) -> int:
    """How many letters to insert, drop, replace, or swap with their neighbour make b of a."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            least = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before, last = last, row
    return last[-1]


def of(path: Path) -> str:
    """What a path leads to, in words: `'where.a' of step 'x'`."""
    owner, rest = _owner(path)
    return f"{show(dotted(rest))} of {owner}" if rest else owner


def _owner(path: Path) -> tuple[str, Path]:
    section = path[0] if path else ""
    if section == "assertions" and len(path) > 1:
        return (f"assertion {show(str(path[2]))}", path[3:]) if len(path) > 2 else (f"assertion {nth(path)}", ())
    if section == "facts" and len(path) > 2:
        return f"place {int(path[2]) + 1} of fact {show(str(path[1]))}", path[3:]
    if section in ("steps", "facts", "machines", "params", "attributes") and len(path) > 1:
        return f"{str(section)[:-1]} {show(str(path[1]))}", path[2:]
    if section == "flow":
        return "'flow'", path[1:]
    return "the shape", path


def dotted(path: Path) -> str:
    """`moves.open[1]`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")


def nth(path: Path) -> str:
    return f"number {int(path[1]) + 1}"


def found(value: Any) -> str:
    """What somebody wrote, in words."""
    if value is None:
        return "empty"
    if isinstance(value, str):
        return show(value)
    if isinstance(value, dict | tuple):
        return ("a mapping" if isinstance(value, dict) else "a list") if value else "empty"
    return str(value).lower() if isinstance(value, bool) else show(repr(value))[1:-1]


def listed(items: AbstractSequence[str], *, last: str = "and", most: int = 12) -> str:
    """`a, b and c`; a long list ends in `and 9 more`."""
    if len(items) > most + 1:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return f" {last} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
