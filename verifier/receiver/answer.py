"""What a receiver says to a request, as the OTLP specification asks.

In: the bytes of a request and what it says they are. Out: an `Answer`: the code for HTTP and for gRPC, whether it is
worth trying again, how many spans could not be used and why.

Source: OpenTelemetry Protocol specification 1.7, "Full success", "Partial success", "Failures", "Bad data".
"""

import json
import zlib
from dataclasses import dataclass
from typing import Literal

from verifier.sources import otlp_json, otlp_protobuf
from verifier.sources.assemble import Basket
from verifier.sources.stream import ZSTD, Broken

Format = Literal["protobuf", "json"]
TYPES: dict[str, Format] = {"application/x-protobuf": "protobuf", "application/json": "json"}
MOST_BYTES = 64 << 20
"""How large a request may be, as it comes and decompressed."""
MOST_WHY = 200
_BITE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`status` is HTTP's; `rejected` spans of an accepted request can't be used, `why` says so; `again`: try later."""

    status: int = 200
    why: str = ""
    rejected: int = 0
    again: bool = False

    @property
    def good(self) -> bool:
        """Whether the request was accepted."""
        return self.status == 200

    def body(self, format: Format) -> bytes:
        """ExportTraceServiceResponse, or google.rpc.Status where the request was refused."""
        if self.good:
            if not self.rejected:
                return b"{}" if format == "json" else b""
            if format == "json":
                partial = {"rejectedSpans": str(self.rejected), "errorMessage": self.why}
                return json.dumps({"partialSuccess": partial}).encode()
            return _field(1, _number(1, self.rejected) + _field(2, self.why.encode()))
        if format == "json":
            return json.dumps({"code": self.code, "message": self.why}).encode()
        return _number(1, self.code) + _field(2, self.why.encode())

    @property
    def code(self) -> int:
        """The same for gRPC: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE."""
        return {200: 0, 400: 3, 413: 8, 429: 8, 404: 12, 405: 12, 415: 3, 503: 14}.get(self.status, 13)


def judge(body: bytes, format: Format) -> Answer:
    """Whether a plain request can be read, and how many of its spans can't be used."""
    basket = Basket(file="request")
    if format == "json":
        if not body.lstrip().startswith(b"{"):
            return Answer(status=400, why="expected one ExportTraceServiceRequest as a JSON object")
        otlp_json.take(body, 1, basket)
    elif body.startswith((b"{", ZSTD)):  # files may hold these; a request that says it is protobuf may not
        return Answer(status=400, why="it is no ExportTraceServiceRequest in protobuf")
    elif body:
        otlp_protobuf.take_request(body, basket)
    else:
        basket.good = 1  # no span at all is a legal request
    losses = basket.tally.losses()
    if not basket.good:
        why = losses[0].what if losses else "it is no ExportTraceServiceRequest"
        return Answer(status=400, why=_short(why))
    bad = [loss for loss in losses if loss.kind == "bad_span"]
    if not bad:
        return Answer()
    return Answer(rejected=sum(loss.count for loss in bad), why=_short(bad[0].what))


def kept(body: bytes, format: Format) -> bytes:
    """An accepted request as a journal holds it: it begins as readers of such files expect."""
    if format == "json":
        return body.strip()
    if body and not body.startswith(b"\x0a"):  # a field that nobody knows comes first
        return otlp_protobuf.known_fields(body)
    return body


def unpacked(body: bytes, encoding: str, most: int = MOST_BYTES) -> bytes | Answer:
    """The request without its content encoding; an Answer that refuses it else. Never more than `most` in memory."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        return Answer(status=415, why=f"content encoding {_short(encoding)!r}: expected gzip, deflate or none")
    try:
        return _inflated(body, most)
    except Broken as problem:
        return Answer(status=400, why=f"the body is no {encoding}: {problem}")
    except OverflowError:
        return too_large(most)


def too_large(most: int = MOST_BYTES) -> Answer:
    """The answer to a request that is too large."""
    return Answer(status=413, why=f"the request is larger than {most >> 20} MiB; send smaller batches")


def busy() -> Answer:
    """The answer while too much waits to be written."""
    return Answer(status=503, why="too much waits to be written; try again", again=True)


def note(answer: Answer, size: int) -> bytes:
    """What a journal keeps of a request that was refused for good: whoever reads it knows that something is missing."""
    said = f"a request of {size} bytes was refused ({answer.status}): {answer.why}"
    return json.dumps({"refused": said}).encode()


def _inflated(body: bytes, most: int) -> bytes:
    held, size, rest = [], 0, body
    while rest:
        unzip = zlib.decompressobj(wbits=47)  # gzip or zlib, its head tells
        try:
            while not unzip.eof:
                piece = unzip.decompress(rest, _BITE)
                rest = unzip.unconsumed_tail
                size += len(piece)
                if size > most:
                    raise OverflowError
                if not piece and not rest and not unzip.eof:
                    raise Broken("it ends too soon")
                held.append(piece)
        except zlib.error as problem:
            raise Broken(str(problem)) from None
        rest = unzip.unused_data  # gzip may have several members
    return b"".join(held)


def _short(text: str) -> str:
    return text if len(text) <= MOST_WHY else f"{text[: MOST_WHY - 1]}…"


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
