"""Bytes in, plain bytes out: decompressed by their content, cut into lines, never more in memory than stated.

In: an open file. Out: a `Stream`, to be looked at (`peek`) and then read once, as `pieces`, `lines` or `rest`.
An input that breaks off half-way gives what came before and says so in `failed`; nothing is raised.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from verifier.errors import SourceError

MAX_LINE = 64 << 20
"""Longest line that is read; a longer one is skipped and counted."""
MAX_DOCUMENT = 1 << 30
"""Longest input that is read as a whole: a JSON document, binary requests."""
PIECE = 256 << 10

Progress = Callable[[str, int, int | None], None]

_GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
# A zstd block is at most 128 KiB and at least 4 bytes, so this much input gives at most 16 MiB at once.
_BITE = 512


class Line(NamedTuple):
    """One line without its newline; `text` is None if it was too long, `ended` False if the input stops in it."""

    number: int
    text: bytes | None
    ended: bool


class Broken(Exception):
    """The bytes stop making sense here; the message is the rest of a sentence that begins with the file."""


class Meter:
    """Tells `progress` how far the reading is, about every 256 KiB and at the end."""

    def __init__(self, url: str, progress: Progress | None, total: int | None) -> None:
        self._url, self._progress, self._total = url, progress, total
        self._done = self._told = 0

    def add(self, count: int) -> None:
        """`count` more bytes were read from the input (compressed bytes, if it is)."""
        self._done += count
        if self._done - self._told >= PIECE:
            self.tell()

    def tell(self) -> None:
        """Say where we are now."""
        self._told = self._done
        if self._progress is not None:
            self._progress(self._url, self._done, self._total)


class Stream:
    """An input being read. `name` is what people call it; `broken` says why it broke off, if it did."""

    def __init__(self, raw: BinaryIO, name: str, meter: Meter) -> None:
        self.name = name
        self.broken: str | None = None
        self._head = b""
        self._pieces = self._guarded(_plain(raw, name, meter))
        if self.peek(len(_BOM)).startswith(_BOM):
            self._head = self._head[len(_BOM) :]

    @property
    def failed(self) -> str | None:
        """The same as a sentence."""
        return f"{self.name}: {self.broken}; what came before was read" if self.broken else None

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end; they stay to be read."""
        held, length = [self._head], len(self._head)
        while length < size and (piece := next(self._pieces, b"")):
            held.append(piece)
            length += len(piece)
        self._head = b"".join(held)
        return self._head[:size]

    def peek_line(self) -> bytes:
        """The first line that is not blank, or the beginning of it if it is too long."""
        size = PIECE
        while True:
            head = self.peek(size)
            text = head.lstrip()
            if b"\n" in text or len(head) < size or size > MAX_LINE:
                # Bytes beyond the limit don't matter: the line is too long then, whatever it is.
                return text.split(b"\n", 1)[0]
            size *= 2

    def pieces(self) -> Iterator[bytes]:
        """All that is left, piece by piece."""
        head, self._head = self._head, b""
        if head:
            yield head
        yield from self._pieces

    def rest(self) -> bytes:
        """All that is left at once; refused above `MAX_DOCUMENT`."""
        held, length = [], 0
        for piece in self.pieces():
            held.append(piece)
            length += len(piece)
            if length > MAX_DOCUMENT:
                raise SourceError(
                    f"{self.name}: is one document of more than {MAX_DOCUMENT >> 20} MiB, expected at most that; "
                    "write one request per line, that has no limit"
                )
        return b"".join(held)

    def _guarded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except Broken as problem:
            self.broken = str(problem)
        except OSError as problem:
            self.broken = f"reading broke off: {problem.strerror or problem}"


def lines(pieces: Iterable[bytes]) -> Iterator[Line]:
    """The lines of an input; of one longer than `MAX_LINE` only its number."""
    number, held, size = 0, [], 0
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for part in whole:
            held.append(part)
            size += len(part)
            number += 1
            yield Line(number, b"".join(held) if size <= MAX_LINE else None, True)
            held, size = [], 0
        if rest:
            held.append(rest)
            size += len(rest)
            if size > MAX_LINE:
                held.clear()
    if size:
        yield Line(number + 1, b"".join(held) if size <= MAX_LINE else None, False)


def bounded(pieces: Iterable[bytes]) -> bytes | None:
    """All pieces joined; None if that is longer than a line may be."""
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > MAX_LINE:
            return None
    return b"".join(held)


def unzstd(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """zstd frames, any number of them, decompressed in small bites; raises `Broken`."""
    try:
        import zstandard
    except ImportError:
        raise SourceError(f"{name}: is zstd data, which needs the extra: pip install 'flow-verifier[zstd]'") from None
    decompressor = zstandard.ZstdDecompressor()
    frame = None
    for piece in pieces:
        at = 0
        while at < len(piece):
            if frame is None:
                frame = decompressor.decompressobj()
            bite = piece[at : at + _BITE]
            try:
                plain = frame.decompress(bite)
            except zstandard.ZstdError as problem:
                raise Broken(f"its zstd data is damaged ({problem})") from None
            at += len(bite) - len(frame.unused_data)
            if frame.eof:
                frame = None
            if plain:
                yield plain
    if frame is not None:
        raise Broken("its zstd data ends early")


def _plain(raw: BinaryIO, name: str, meter: Meter) -> Iterator[bytes]:
    first = _read(raw, meter)
    # A pipe may give fewer bytes than the four that tell.
    while len(first) < 4 and (more := _read(raw, meter)):
        first += more
    pieces = _from(first, raw, meter)
    if first.startswith(_GZIP):
        return _gunzip(pieces)
    if first.startswith(ZSTD) or (first[1:4] == b"\x2a\x4d\x18" and first[0] >> 4 == 5):
        return _gathered(unzstd(pieces, name))
    return pieces


def _from(first: bytes, raw: BinaryIO, meter: Meter) -> Iterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = _read(raw, meter)
    meter.tell()


def _read(raw: BinaryIO, meter: Meter) -> bytes:
    piece = raw.read(PIECE) or b""
    meter.add(len(piece))
    return piece


def _gathered(bits: Iterator[bytes]) -> Iterator[bytes]:
    """Small bits joined into pieces; what came before a break is given before it is passed on."""
    held, size = [], 0
    try:
        for bit in bits:
            held.append(bit)
            size += len(bit)
            if size >= PIECE:
                yield b"".join(held)
                held, size = [], 0
    except Broken:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    for piece in pieces:
        data = piece
        while data:
            if member.eof:
                data = data.lstrip(b"\0")  # padding after a member is legal
                if not data:
                    break
                member = zlib.decompressobj(wbits=31)
            before = member.copy()
            try:
                plain = member.decompress(data, PIECE)
            except zlib.error as problem:
                yield from _until_damage(before, data)
                raise Broken(f"its gzip data is damaged ({problem})") from None
            data = member.unused_data if member.eof else member.unconsumed_tail
            if plain:
                yield plain
    while not member.eof and (plain := member.decompress(b"", PIECE)):
        yield plain
    if not member.eof:
        raise Broken("its gzip data ends early")


def _until_damage(member: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """What zlib had before it met the damage, which it would keep to itself: asked for byte by byte."""
    for at in range(len(data)):
        try:
            plain = member.decompress(data[at : at + 1])
        except zlib.error:
            return
        if plain:
            yield plain
