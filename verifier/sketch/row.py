"""One row of a sketch, read from left to right.

In: a line of text. Out: its parts, one after the other: names, times, attributes. What does not fit raises a `Problem`
that says where, and what was expected.
"""

import json
import re
from collections.abc import Mapping

from verifier.sketch.signs import NAME, ORIGIN_NS, TOKEN, UNITS, escaped, scalar
from verifier.spans import Value

Fields = Mapping[str, tuple[str, ...]]
"""Field -> the values it may have; none: any."""

_FAR_NS = 10**20  # beyond 64 bits on either side: whatever telemetry can say is printed and parsed
_DEEP = 64  # levels of an attribute's value; keeps us off the interpreter's recursion limit
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_MOMENT = re.compile(r"(-?)([0-9]{1,30})(?:\.([0-9]{1,30}))?([A-Za-z]*)")
_DOTS, _UNKNOWN = re.compile(r"\.\."), re.compile(r"\?")
_JSON = json.JSONDecoder()


class Problem(Exception):
    """What is wrong with a row, as `sketch:line:column` and a sentence."""

    def __init__(self, line: int, column: int, text: str) -> None:
        super().__init__(f"sketch:{line}:{column}: {text}")
        self.place = (line, column)


class Row:
    """One line and how far it has been read; what does not fit raises a `Problem` that says what was expected."""

    __slots__ = ("at", "number", "text")

    def __init__(self, line: str, number: int) -> None:
        self.text, self.number = line.rstrip(" \t\r"), number
        self.at = 0
        self.blanks()

    def problem(self, text: str, at: int | None = None) -> Problem:
        return Problem(self.number, (self.at if at is None else at) + 1, escaped(text))

    def blanks(self) -> None:
        while self.sees(" "):
            self.at += 1

    def sees(self, prefixes: str | tuple[str, ...]) -> bool:
        return self.text.startswith(prefixes, self.at)

    def takes(self, word: str) -> bool:
        """Whether `word` comes next; goes past it and the blanks behind it."""
        if found := self.sees(word):
            self.at += len(word)
            self.blanks()
        return found

    def next(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.match(self.text, self.at):
            self.at = found.end()
        return found

    def need(self, pattern: re.Pattern[str], expected: str) -> str:
        found = self.next(pattern)
        if not found:
            raise self.problem(f"expected {expected}.")
        return found[0]

    def upto(self, separator: str, expected: str) -> str:
        """The text before the next ` separator `."""
        end = self.text.find(f" {separator} ", max(self.at - 1, 0))
        if end < 0:
            raise self.problem(f"expected ' {separator} ' {expected}.")
        found, self.at = self.text[self.at : end].strip(" "), end + len(separator) + 2
        self.blanks()
        return found

    def json(self, levels: int = 0) -> Value:
        start = self.at
        try:
            found, self.at = _JSON.raw_decode(self.text, start)
            return _typed(found, levels)
        except json.JSONDecodeError as error:
            text = f"expected valid JSON ({error.msg}); quote a string that only looks like it."
            raise self.problem(text, error.pos) from None
        except (ValueError, RecursionError):
            raise self.problem(f"expected JSON of at most {_DEEP} levels and ordinary numbers.", start) from None

    def title(self, separator: str, tail: re.Pattern[str], expected: str) -> tuple[str, str]:
        """A name, quoted or plain, with the sign that may stand behind it, up to the separator."""
        start = self.at
        if self.sees('"'):
            name, rest = str(self.json()), self.upto(separator, expected)
        else:
            name, rest = self.upto(separator, expected), ""
            if sign := tail.search(name):
                name, rest = name[: sign.start()], sign[0]
            if not name:
                raise self.problem('expected a name; an empty one is written "".', start)
        sign = tail.fullmatch(rest)
        if rest and not sign:
            raise self.problem(f"expected ' {separator} ' behind the quoted name, not '{rest}'.", start)
        return name, sign[1] if sign else ""

    def times(self) -> tuple[int | None, int | None]:
        """Both sides of `a..b`, twice the same for `a`; None for a side that is unknown."""
        start = self.at
        first, dots = self.next(_MOMENT), self.next(_DOTS)
        second = self.next(_MOMENT) if dots else None
        unknown = dots and first and not second and self.next(_UNKNOWN)
        if not (second or unknown or (first and not dots)) or not self.ends():
            raise self.problem("expected a time such as '5ms', '0..12ms', '1s..1.5s' or '5ms..?'.", start)
        one, two = (self._time_ns(here, other) for here, other in ((first, second), (second, first)))
        self.blanks()
        return one, two if dots else one

    def ends(self) -> bool:
        """Whether a word ends here."""
        return self.at == len(self.text) or self.sees(" ")

    def _time_ns(self, time: re.Match[str] | None, other: re.Match[str] | None) -> int | None:
        if time is None:
            return None
        part: str = time[3] or ""
        number, unit = int(time[2] + part), time[4] or (other[4] if other else "")
        if unit not in UNITS and (unit or number):
            raise self.problem(f"expected a time with one of the units {', '.join(UNITS)}.", time.start())
        scale: int = 10 ** len(part)
        time_ns, rest = divmod(number * UNITS.get(unit, 1), scale)  # whole numbers all the way: exact
        if rest:
            raise self.problem("expected a time in whole nanoseconds; this one is finer.", time.start())
        if time_ns > _FAR_NS:
            raise self.problem("expected a time at most 3,000 years from zero.", time.start())
        return ORIGIN_NS - time_ns if time[1] else ORIGIN_NS + time_ns

    def attributes(self, known: Fields, *, paths: bool = False) -> tuple[dict[str, Value], dict[str, str | None]]:
        """All `name=value` to the end of the row: attributes, and fields as text (None for null)."""
        attributes: dict[str, Value] = {}
        fields: dict[str, str | None] = {}
        while self.at < len(self.text):
            start, quoted = self.at, self.sees('"')
            name = str(self.json()) if quoted else self.need(NAME, "name=value")
            if not self.sees("="):
                raise self.problem(f"expected '=' and a value right behind '{name}'; quote values with blanks.")
            self.at += 1
            path = tuple(name.split(".")) if paths and not quoted else (name,)
            begin, value = self.at, self._value(len(path))
            if quoted or not name.startswith("$"):
                if not planted(attributes, path, value):
                    raise self.problem(f"'{name}' already has a value, expected each name once.", start)
                continue
            text = value if value is None or isinstance(value, str) else self.text[begin : self.at].rstrip(" ")
            if name not in known:
                hint = f"one of {', '.join(known)}" if known else "none on this row"
                raise self.problem(f"'{name}' is no field, expected {hint}; quote an attribute with '$'.", start)
            if name in fields:
                raise self.problem(f"'{name}' already has a value, expected each name once.", start)
            if known[name] and text not in known[name]:
                raise self.problem(f"expected '{name}=' with {' or '.join(known[name])}, not '{text}'.", start)
            fields[name] = text
        return attributes, fields

    def _value(self, levels: int) -> Value:
        start = self.at
        if levels > _DEEP:
            raise self.problem(f"expected a path of at most {_DEEP} parts.", start)
        if self.sees(('"', "[", "{")):
            value = self.json(levels)
        else:
            value = scalar(self.need(TOKEN, "a value behind '='; an empty one is written \"\""))
        if not self.ends():
            raise self.problem("expected a blank behind the value; quote a string that looks like JSON.", start)
        self.blanks()
        return value


def planted(value: dict[str, Value], path: tuple[str, ...], item: Value) -> bool:
    """Puts an item at the end of a path of objects, unless something else is in the way."""
    for part in path[:-1]:
        child = value.setdefault(part, {})
        if not isinstance(child, dict):
            return False
        value = child
    free = path[-1] not in value
    if free:
        value[path[-1]] = item
    return free


def _typed(value: object, levels: int) -> Value:
    """What JSON gave, as an attribute's value."""
    if levels > _DEEP:
        raise RecursionError
    if isinstance(value, list):
        return tuple(_typed(item, levels + 1) for item in value)
    if isinstance(value, dict):
        said = value.get("$hex")
        if len(value) == 1 and isinstance(said, str) and _HEX.fullmatch(said):
            return bytes.fromhex(said)
        return {name: _typed(item, levels + 1) for name, item in value.items()}
    assert value is None or isinstance(value, str | bool | int | float)
    return value
