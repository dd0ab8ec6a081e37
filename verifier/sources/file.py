"""A file of spans: OTLP as JSON lines, as JSON documents, or as protobuf.

In: a `Stream`. Out: spans and losses in a `Basket`, or `NotTelemetry`, which says what the file is instead.
What a file is, its content says; never its name.
"""

import re
from collections.abc import Iterable

import msgspec

from verifier.sources import otlp_json, otlp_protobuf, sniff, stream
from verifier.sources.assemble import Basket
from verifier.sources.sniff import NotTelemetry
from verifier.sources.stream import Line, Stream
from verifier.sources.tally import Tally

EXPECTED = "OTLP spans (JSON, one ExportTraceServiceRequest per line or as one document, or protobuf)"
GIVE = "give a file that has them"
_NEXT_DOCUMENT = re.compile(rb"(?<=\n\})[ \t\r]*\n(?=\{)")


def read(source: Stream) -> Basket:
    """All spans of one file; raises `NotTelemetry` if not one can be used."""
    head = check_head(source, EXPECTED)
    if sniff.binary(head):
        basket = _read_binary(source)
    elif opens_document(source.peek_line()):
        basket = _read_document(source)
    else:
        basket = _read_lines(stream.lines(source.pieces()), source.name)
    cut_off(source, basket.tally)
    if not basket.good or (not basket.spans and (basket.tally.has("bad_span") or basket.tally.has("bad_line"))):
        refuse(source, basket.tally, EXPECTED, claims=basket.good > 0 or b'"resourceSpans"' in head)
    return basket


def check_head(source: Stream, expected: str) -> bytes:
    """The first bytes; refuses what they show to be something else, and what is empty."""
    head = source.peek(sniff.HEAD)
    if not head:
        if source.broken is not None:
            tally = Tally()
            cut_off(source, tally)
            refuse(source, tally, expected, claims=True)
        raise NotTelemetry(source.name, "is empty", expected, "was it written and closed?")
    what = sniff.stranger(head)
    if what is not None and not sniff.binary(head):
        raise NotTelemetry(source.name, f"starts with {what}", expected, GIVE)
    return head


def opens_document(first: bytes) -> bool:
    """Whether a first line is no whole JSON value but how one begins that goes over many lines."""
    if len(first) > stream.MAX_LINE or not first.startswith((b"{", b"[")):
        return False
    if not first.rstrip().endswith((b"{", b"[", b",", b":")):
        return False
    try:
        msgspec.json.decode(first)
    except msgspec.DecodeError:
        return True
    except otlp_json.UNREADABLE:
        return False
    return False


def cut_off(source: Stream, tally: Tally) -> None:
    """Count an input that broke off; how much it lost can't be known."""
    if source.broken is not None:
        tally.because("truncated", source.name, source.broken)


def refuse(source: Stream, tally: Tally, expected: str, *, claims: bool) -> None:
    """Say why a file in which nothing is good can't be used; `claims`: it should have had something."""
    losses = tally.losses()
    if not losses:
        raise NotTelemetry(source.name, "has only blank lines", expected, "was it written and closed?")
    count = sum(loss.count for loss in losses)
    more = f", and {count - 1} more" if count > 1 else ""
    raise NotTelemetry(
        source.name,
        f"nothing in it can be used ({losses[0].where}: {losses[0].what}{more})",
        expected,
        GIVE,
        losses if claims or {loss.kind for loss in losses} == {"other_signal"} else (),
    )


def _read_binary(source: Stream) -> Basket:
    data = source.rest()
    basket = Basket(file=source.name)
    if not otlp_protobuf.take(data, basket):
        basket = _read_lines(stream.lines([data]), source.name)
        if not basket.good:
            why = "is binary and no whole request can be found in it"
            raise NotTelemetry(source.name, why, EXPECTED, GIVE)
    return basket


def _read_document(source: Stream) -> Basket:
    data = source.rest()
    whole = Basket(file=source.name)
    otlp_json.take(data, 1, whole, ended=False)
    if whole.good:
        return whole
    # Perhaps one document after the other, or lines of which the first is broken.
    several, line = Basket(file=source.name), 1
    documents = _NEXT_DOCUMENT.split(data)
    for i, document in enumerate(documents):
        otlp_json.take(document, line, several, ended=i < len(documents) - 1)
        line += document.count(b"\n") + 1
    if several.good:
        return several
    single = _read_lines(stream.lines([data]), source.name)
    return single if single.good else whole


def _read_lines(lines: Iterable[Line], name: str) -> Basket:
    basket = Basket(file=name)
    for number, text, ended in lines:
        if text is None:
            basket.bad("long_line", too_long(), number)
        elif text and not text.isspace():
            otlp_json.take(text, number, basket, ended=ended)
    return basket


def too_long() -> str:
    """What is wrong with a long line."""
    return f"the line is longer than {stream.MAX_LINE >> 20} MiB and was set aside; write smaller requests"
