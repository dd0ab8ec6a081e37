"""Numbers, moments, values of telemetry and lines as people read them.

In: nanoseconds, foreign text, labelled rows. Out: text in which nothing that telemetry says can break a line or a
terminal: control characters are written out, long values elided in the middle.
"""

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate

from verifier.clock import INFINITY_NS, Interval
from verifier.spans import Value

LONGEST = 200
"""How many characters of one text from telemetry are shown."""
WIDTH = 80
Row = tuple[str, str]
"""A label and what stands beside it; several rows in a row under one label show it once."""
VERBATIM = "Sketch"
"""The label of what stands below it as it is."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIGNS = re.compile(r"[-._/:=,]")


def duration(ns: int) -> str:
    """An exact time span as people write it: `1.5s`, `250ms`, `26h`, `25h 0m 3s`."""
    if ns < 0:
        return f"-{duration(-ns)}"
    for unit, size in (("ns", 1), ("us", 10**3), ("ms", 10**6)):
        if 0 < ns < size * 1000:
            return f"{_decimal(ns, size)}{unit}"
    minutes, seconds = divmod(ns, 60 * 10**9)
    parts = [(minutes // 60, "h"), (minutes % 60, "m"), (seconds, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    while len(parts) > 1 and parts[-1][0] == 0:
        parts.pop()
    return " ".join(f"{_decimal(n, 10**9) if unit == 's' else n}{unit}" for n, unit in parts)


def between(took: Interval) -> str:
    """A time span that is known from two sides: `5.2s to 5.3s`; just one where both are the same."""
    unbounded = (took.lo <= -INFINITY_NS // 2, took.hi >= INFINITY_NS // 2)
    match unbounded:
        case (True, True):
            return "an unknown time"
        case (True, _):
            return f"at most {duration(took.hi)}"
        case (_, True):
            return f"at least {duration(took.lo)}"
    return duration(took.lo) if took.lo == took.hi else f"{duration(took.lo)} to {duration(took.hi)}"


@lru_cache(maxsize=4096)  # a run's first and last moments stand in every premise
def moment(ns: int) -> str:
    """A moment as ISO 8601 in UTC, to the microsecond; to the nanosecond where it needs it."""
    seconds, rest = divmod(ns, 10**9)
    try:
        at = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{ns} ns after 1970"
    fraction = f"{rest:09d}" if rest % 1000 else f"{rest // 1000:06d}"
    return f"{at.replace(tzinfo=None).isoformat()}.{fraction}Z"


def value(value: Value) -> str:
    """An attribute's value as text: `true`, `SV1`, `''`, `[1, 2]`."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return clean(value) or "''"
    if isinstance(value, bytes):
        return clean(f"{len(value)} bytes {value[:LONGEST].hex()}")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | tuple):
        return clean(json.dumps(value, ensure_ascii=False, sort_keys=True, default=_jsonable))
    return clean(str(value))


def clean(text: str, *, most: int | None = LONGEST) -> str:
    """Text that can't break a terminal: control and direction characters as `\\xNN`, the middle of long text elided."""
    if most is not None and len(text) > most:
        text = f"{text[: most // 2]}…{text[len(text) - most // 2 + 1 :]}"
    if text.isprintable():
        return text
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else _escaped(c) for c in text)


def count(n: int, noun: str) -> str:
    """`1 span`, `2 spans`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def layout(rows: Sequence[Row], *, indent: str = "", width: int = WIDTH) -> list[str]:
    """Labelled rows as lines of at most `width` columns."""
    lines: list[str] = []
    last = ""
    for label, text in rows:
        if label == VERBATIM:  # to be copied: it is not wrapped
            lines.append(f"{indent}  {label}")
            lines += [f"{indent}    {line}".rstrip() for line in text.split("\n")]
        elif label:
            shown = label if label != last else ""
            lines += wrap(text, first=f"{indent}  {shown:<10} ", rest=f"{indent}  {'':<10} ", width=width)
        else:
            lines += wrap(text, first=indent, rest=f"{indent}    ", width=width)
        last = label
    return lines


def wrap(text: str, *, first: str = "", rest: str = "", width: int = WIDTH) -> list[str]:
    """Lines of at most `width` columns, broken between words; a word that is too long for a line is broken itself."""
    lines: list[str] = []
    for part in text.split("\n"):
        line, empty = rest if lines else first, True
        for word in part.split(" "):
            room = width - columns(line) - (not empty)
            if columns(word) > room and not empty:
                lines.append(line)
                line, empty, room = rest, True, width - columns(rest)
            *full, last = _pieces(word, room, max(width - columns(rest), 1))
            for piece in full:
                lines.append(line + piece)
                line = rest
            line, empty = f"{line}{'' if empty else ' '}{last}", False
        lines.append(line)
    return [line.rstrip() for line in lines]


def from_to(start_ns: int, end_ns: int) -> str:
    """From when until when; the date once, where it is one."""
    start, end = moment(start_ns), moment(end_ns)
    if start == end:
        return start
    return f"{start}..{end[11:] if start[:11] == end[:11] else end}"


def listed(words: Iterable[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} {word} {last}" if most else last


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def elide(text: str, most: int, *, sign: str = "…") -> str:
    """Text of at most `most` columns: the middle goes, as names differ at their ends."""
    if columns(text) <= most:
        return text
    room = max(most - columns(sign), 0)
    head, tail = "", ""
    for c in text:
        if columns(head + c) > room - room // 2:
            break
        head += c
    for c in reversed(text):
        if columns(c + tail) > room // 2:
            break
        tail = c + tail
    return f"{head}{sign}{tail}"


def _decimal(ns: int, size: int) -> str:
    whole, rest = divmod(ns, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _jsonable(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return dict(value) if isinstance(value, Mapping) else str(value)


def _escaped(c: str) -> str:
    n = ord(c)
    return f"\\x{n:02x}" if n < 0x100 else f"\\u{n:04x}" if n < 0x10000 else f"\\U{n:08x}"


def _pieces(word: str, room: int, more: int) -> Iterator[str]:
    """The first piece takes at most `room` columns, the others `more`; broken after a sign where there is one."""
    while columns(word) > room:
        cut = max(bisect_right(list(accumulate(map(columns, word))), room), 1)
        sign = max((m.end() for m in _SIGNS.finditer(word, 0, cut)), default=0)
        cut = sign if sign > cut // 2 else cut
        yield word[:cut]
        word, room = word[cut:], more
    yield word
