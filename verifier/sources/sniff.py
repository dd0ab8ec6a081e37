"""What an input is, told by its first bytes and never by its name.

In: the head of a decompressed input. Out: what it is if it can't be telemetry (`stranger`), whether it is binary
OTLP (`binary`), and the words that name what a JSON value is instead of what was wanted.
"""

import re
from collections.abc import Mapping
from typing import Literal

from verifier.errors import SourceError
from verifier.sources.stream import ZSTD
from verifier.spans import Loss

_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_WORD = re.compile(rb"-?[A-Za-z]+")
_NAMES = {list: "a JSON list", str: "a JSON string", bool: "true or false", type(None): "null"}
NO_NUMBER = "JSON has no such number"
_PAGE = re.compile(rb"\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)

HEAD = 64 << 10
"""How much of an input is looked at."""

_MAGIC = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive (unpack it first)"),
    (b"7z\xbc\xaf", "a 7z archive (unpack it first)"),
    (b"BZh", "bzip2 data (unpack it first: bunzip2)"),
    (b"\xfd7zXZ", "xz data (unpack it first: unxz)"),
    (b"\x04\x22\x4d\x18", "lz4 data (unpack it first: unlz4)"),
    (b"\x1f\x8b", "gzip data inside compressed data (unpack it first: gunzip)"),
    (ZSTD, "zstd data inside compressed data (unpack it first: unzstd)"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"\xff\xfe", "UTF-16 text (convert it first: iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "UTF-16 text (convert it first: iconv -f UTF-16 -t UTF-8)"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
# How a request can begin: field 1 of ExportTraceServiceRequest, a JSON object, or a zstd frame of its own.
OPENINGS = (b"\x0a", b"{", ZSTD)


class NotTelemetry(SourceError):
    """An input that holds nothing of what was asked for; in a folder it is passed over and counted.

    `why` is the reason without the name. `losses` is not empty if the input does claim to hold such things, so that
    something is missing.
    """

    def __init__(self, name: str, why: str, expected: str, to_do: str, losses: tuple[Loss, ...] = ()) -> None:
        self.name, self.why, self.losses = name, why, losses
        super().__init__(f"{name}: {why}, expected {expected}; {to_do}")


def stranger(head: bytes) -> str | None:
    """What the input is, if it starts with the mark of something that is no telemetry."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head[257:262] == b"ustar":
        return "a tar archive (unpack it first)"
    if _PAGE.match(head):
        return "HTML, perhaps a server's answer to another question"
    if head.lstrip().startswith(b"<?xml"):
        return "XML"
    if _CONTROL.search(head[:4096]) and b'{"' not in head:
        return "binary data"
    return None


def binary(head: bytes) -> bool:
    """Whether the input can be OTLP protobuf, in any framing: then a control character comes early."""
    if not _CONTROL.search(head[:512]):
        return False
    big, little = int.from_bytes(head[:4], "big"), int.from_bytes(head[:4], "little")
    _, after = varint(head, 0)
    return (
        head.startswith(b"\x0a")
        or ((big > 0 or little > 0) and head[4:].startswith(OPENINGS))
        or (after is not None and head[after:].startswith(OPENINGS))
    )


def telemetry(head: bytes) -> Literal["spans", "records"] | None:
    """What a JSON input holds by the names in its first bytes; None if it is no JSON, or none of ours."""
    if not head.lstrip().startswith((b"{", b"[")):
        return None
    if b'"resourceSpans"' in head:
        return "spans"
    return "records" if b'"topics"' in head or (b'"topic"' in head and b'"offset"' in head) else None


def varint(data: bytes, at: int) -> tuple[int, int | None]:
    """The protobuf varint at `at` and where it ends; None if it doesn't end."""
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 0, None


def unreadable(problem: Exception, text: bytes, ended: bool) -> tuple[str, str]:
    """The kind of loss of a text that is no JSON, and why it is none, in a sentence.

    `ended` False: the input ends with it, so that it may have been cut off.
    """
    if isinstance(problem, RecursionError):
        return "bad_line", "is nested too deeply to be read"
    if isinstance(problem, UnicodeDecodeError):
        try:
            text.decode()
        except UnicodeDecodeError as bad:
            return "bad_line", f"is not UTF-8 text: byte 0x{text[bad.start]:02x} at {_place(text, bad.start)}"
        return "bad_line", "is not UTF-8 text"
    found = _AT_BYTE.search(str(problem))
    at = int(found[1]) if found else len(text)
    if at >= len(text):
        whole = "is not JSON: the line ends in the middle of a value, expected a whole one on each line"
        return ("bad_line", whole) if ended else ("truncated", "the input ends in the middle of a JSON value")
    word = _WORD.match(text, at)
    if word is None or not at:
        seen = snippet(text[at : at + 20].split(b"\n")[0].decode("utf-8", "replace"))
    else:
        seen = snippet(word[0].decode())
    hint = f" ({NO_NUMBER})" if word is not None and word[0] in (b"NaN", b"Infinity", b"-Infinity") else ""
    return "bad_line", f"is not JSON: saw {seen} at {_place(text, at)}{hint}"


def _place(text: bytes, at: int) -> str:
    """Where a byte is: its column, and of a text of several lines the line before."""
    above = text.count(b"\n", 0, at)
    column = len(text[text.rfind(b"\n", 0, at) + 1 : at].decode("utf-8", "replace")) + 1
    return f"line {above + 1} of it, column {column}" if above else f"column {column}"


def described(value: object) -> str:
    """A decoded JSON value in words: what it is if we know it, else what it has."""
    if not isinstance(value, Mapping):
        return _NAMES.get(type(value), "a JSON number")
    if is_spans(value):
        return "spans (this is a spans file: give it with --spans)"
    if is_records(value):
        return "Kafka records (this is a records file: give it with --records)"
    if "resource_spans" in value:
        return "an object with 'resource_spans' (OTLP/JSON writes 'resourceSpans')"
    if isinstance(traces := value.get("data"), list) and any("traceID" in t for t in traces if isinstance(t, dict)):
        return "Jaeger's own JSON (export the trace as OTLP)"
    if not value:
        return "an empty object"
    names = [snippet(name) for name in list(value)[:3]]
    return f"an object with {', '.join(names)}{' …' if len(value) > 3 else ''}"


def is_spans(value: Mapping[str, object]) -> bool:
    """Whether a JSON object is an OTLP request with spans."""
    return "resourceSpans" in value


def is_records(value: Mapping[str, object]) -> bool:
    """Whether a JSON object is a line of a records file."""
    return {"topic", "partition", "offset"} <= value.keys() or "topics" in value


def snippet(value: object) -> str:
    """A foreign value, short and harmless enough for a sentence."""
    if isinstance(value, dict | list):
        return described(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value[:80] if isinstance(value, str | bytes) else value)
    return text if len(text) <= 60 else f"{text[:57]}…"
