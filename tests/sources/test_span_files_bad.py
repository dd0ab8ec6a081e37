"""Bad input: an error or a loss with a full sentence; never a traceback, never silence, never a hang."""

import builtins
import contextlib
import gzip
import io
import json
import os
import random
import zlib

import pytest
from otlp_writing import FORMS, RICH, framed, json_lines, json_request, make_span, protobuf_request, varint_framed, zstd

from verifier.errors import SourceError
from verifier.sources import read_records, read_spans, stream

GOOD = json_lines(make_span(1))
ONE = (make_span(1),)


def read(data):
    """The reading of these bytes as standard input."""
    return read_spans("-", stdin=io.BytesIO(data))


def refused(data):
    """The sentence of the error that these bytes give."""
    with pytest.raises(SourceError) as caught:
        read(data)
    return str(caught.value)


def losses(reading):
    """Its losses, short."""
    return [(loss.kind, loss.where, loss.count) for loss in reading.losses]


@pytest.mark.parametrize("read_any", [read_spans, read_records])
def test_a_missing_file(tmp_path, read_any):
    """It says which, and what is there instead."""
    (tmp_path / "run.otlp.jsonl").write_bytes(GOOD)
    with pytest.raises(SourceError, match=r"run\.otlp\.json: cannot be read: No such file.*did you mean .*jsonl"):
        read_any(str(tmp_path / "run.otlp.json"))


@pytest.mark.parametrize("url", ["", "a\0b", "x" * 5000])
def test_impossible_paths(url):
    """The system refuses them in its own ways."""
    with pytest.raises(SourceError, match="cannot be read"):
        read_spans(url)


@pytest.mark.parametrize("read_any", [read_spans, read_records])
def test_another_scheme(read_any):
    """What is not there yet is not taken for a file name."""
    with pytest.raises(
        SourceError, match=r"'jaeger\+http' is not known for (spans|records), expected a file path, a folder"
    ):
        read_any("jaeger+http://localhost:16686")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    """The system's own word is passed on."""

    def denied(*_args, **_named):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "spans").write_bytes(GOOD)
    monkeypatch.setattr(builtins, "open", denied)
    with pytest.raises(SourceError, match="cannot be opened: Permission denied; is it a file that you may read"):
        read_spans(str(tmp_path / "spans"))


def test_standard_input_that_is_closed(monkeypatch):
    """A process may have none."""
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SourceError, match="there is no standard input"):
        read_spans("-")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "standard input: is empty"),
        (b"\n \r\n\t\n", "has only blank lines"),
        (b"\x89PNG\r\n\x1a\n" + bytes(900), "starts with a PNG picture, expected OTLP spans"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(900), mtime=0), "starts with a PNG picture"),
        (gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0), "gzip data inside compressed data"),
        (b"PK\x03\x04" + bytes(50), "a zip archive"),
        (GOOD.decode().encode("utf-16"), "UTF-16"),
        (random.Random(1).randbytes(5000), "binary"),
        (bytes(100_000), "binary data"),
        (b"\x0a\x05abc\x00\x01" + bytes(range(40)), "frame 1 is no ExportTraceServiceRequest"),
        (protobuf_request(make_span(1))[:-1], "no whole request can be found"),
        (b"time,service,name\n1,a,b\n", "standard input:1: is not JSON"),
        (b'{"resourceSpans":[{"reso', "ends in the middle"),
        (b"\xff\xfeabc", "UTF-16"),
        (b'{"a":"\xff\xff"}\n', "is not UTF-8 text"),
        (b"[]", "saw a JSON list"),
        (b"42\n", "saw a JSON number"),
        (b"[1, true]", "saw a JSON number, expected an object"),
        (b"true\n", "saw true or false"),
        (b"null\n", "saw null"),
        (b"<html><body>404</body></html>", "starts with HTML"),
        (b"\n <!DOCTYPE HTML>\n<html>", "starts with HTML"),
        (b'<?xml version="1.0"?><a/>', "starts with XML"),
        (b'{"a": NaN}', "is not JSON: saw 'NaN' at column 7 (JSON has no such number)"),
        (b"hello world\nthis is a log\n", "is not JSON: saw 'hello world' at column 1"),
        (b'{"a": 1,\n "b": oops}', "is not JSON: saw 'oops' at line 2 of it, column 7"),
        (b'{"a": "x\xff"}', "is not UTF-8 text: byte 0xff at column 9"),
        (b'{"resourceSpans":[{"scopeSpan":[{"spans":[{}]}]}]}\n', "holds no spans, expected 'scopeSpans'"),
        (b'{"resourceSpans":[{"scopeSpan":[{"spans":[{}]}]}]}\n', "it has 'scopeSpan'"),
        (b'{"resourceSpans":[{"instrumentationLibrarySpans":[]}]}\n', "is what OTLP wrote before 0.16"),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"span":[{}]}]}]}\n',
            "has no 'spans', expected a list of them; it has 'span'",
        ),
        (b'"resourceSpans"\n', "saw a JSON string"),
        (b"{}\n", "saw an empty object"),
        (b'{"resource_spans":[]}', "OTLP/JSON writes 'resourceSpans'"),
        (b'{"resourceSpans":{"a":1}}', "saw 'resourceSpans' with an object with 'a'"),
        (b'{"data":[{"traceID":"1","spans":[]}]}', "Jaeger's own JSON"),
        (b'{"resourceMetrics":[]}\n', "metrics or logs"),
        (b'{"topic":"t","partition":0,"offset":1}\n', "this is a records file: give it with --records"),
        (b'{"topics":{}}\n', "this is a records file: give it with --records"),
        (json_lines(make_span(1, trace_id="7")), "traceId"),
        (json.dumps(json_request(make_span(1)), indent=2).encode()[:-9], "ends in the middle"),
        (b"\x1f\x8b\x08garbage that is no gzip at all", "its gzip data is damaged"),
        (gzip.compress(GOOD, mtime=0)[:15], "its gzip data ends early"),
        (zstd(GOOD)[:8], "its zstd data ends early"),
    ],
)
def test_a_file_without_a_good_span_is_an_error(data, said):
    """One sentence: the file, what is wrong, what was expected, what to do."""
    sentence = refused(data)
    assert said in sentence
    assert sentence.startswith("standard input: ")
    assert "expected OTLP spans" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        (b"hello\n", "bad_line", "is not JSON"),
        (b'{"a": 1}\n', "bad_line", "saw an object with 'a', expected an object with a list 'resourceSpans'"),
        (b"[[1]]\n", "bad_line", "saw a JSON list"),
        (b'{"resourceSpans": 5}\n', "bad_line", "'resourceSpans' with a JSON number"),
        (b'{"resourceSpans":[{"reso\n', "bad_line", "is not JSON"),
        (b'{"x": "\xff"}\n', "bad_line", "is not UTF-8"),
        (b"\0\0\0\0\n", "bad_line", "is not JSON"),
        (b"[" * 200_000 + b"\n", "bad_line", "nested too deeply"),
        (b'{"resourceSpans":' + b'[{"a":' * 200_000 + b"\n", "bad_line", "nested too deeply"),
        (b'{"topic":"t","partition":0,"offset":1,"value":null}\n', "bad_line", "give it with --records"),
        (b'{"resourceLogs":[]}\n', "other_signal", "metrics or logs"),
    ],
)
def test_a_bad_line_among_good_ones_is_counted(line, kind, said):
    """Twice the same: one loss, the first line, the count."""
    reading = read(GOOD + line + line + json_lines(make_span(2)))
    assert len(reading.spans) == 2
    (loss,) = reading.losses
    assert (loss.kind, loss.where, loss.count) == (kind, "standard input:2", 2)
    assert said in loss.what


def test_a_bad_first_line_spoils_nothing():
    """A rotated file may begin in the middle of a line, or in what looks like a document."""
    for first in (b'name":"x"}]}]}]}\n', b"{\n", b'{"resourceSpans":[{\n', b"[\n"):
        reading = read(first + GOOD)
        assert reading.spans == ONE
        assert losses(reading) == [("bad_line", "standard input:1", 1)]


@pytest.mark.parametrize("cut", [2, 40, len(GOOD) - 2])
def test_a_cut_last_line_is_truncated(cut):
    """The writer was killed: what came before counts."""
    reading = read(GOOD + json_lines(make_span(2))[:cut])
    assert reading.spans == ONE
    assert losses(reading) == [("truncated", "standard input:2", 1)]
    assert reading.failed is None


@pytest.mark.parametrize("form", [name for name in FORMS if "lengths" in name])
def test_a_cut_last_frame_is_truncated(form):
    """The same for binary input, wherever the cut is."""
    whole, more = FORMS[form](*RICH[:2]), len(FORMS[form](*RICH)) - len(FORMS[form](*RICH[:2]))
    for cut in range(1, more):
        reading = read(FORMS[form](*RICH)[: len(whole) + cut])
        assert reading.spans == RICH[:2]
        assert losses(reading) == [("truncated", "standard input:3", 1)]


def test_a_cut_request_keeps_its_whole_groups():
    """One binary request loses only the resource in which it was cut."""
    reading = read(protobuf_request(*RICH)[:-3])
    assert reading.spans == RICH[:2]
    assert losses(reading) == [("truncated", "standard input:3", 1)]


def test_a_damaged_frame_costs_only_itself():
    """Its length still says where the next one begins."""
    for frame in (varint_framed, lambda payloads: framed(payloads, "big")):
        reading = read(frame([protobuf_request(RICH[0]), b"\x0a\x7fdamaged\x01", protobuf_request(RICH[1])]))
        assert reading.spans == RICH[:2]
        assert losses(reading) == [("bad_line", "standard input:2", 1)]


def test_a_broken_chain_of_frames_keeps_what_came_before():
    """After a wrong length nothing can be found again."""
    data = (
        framed([protobuf_request(RICH[0])] * 2, "big") + b"\0\0\0\x05hello" + framed([protobuf_request(RICH[1])], "big")
    )
    reading = read(data)
    assert reading.spans == RICH[:1]
    assert ("bad_line", "standard input:3", 1) in losses(reading)


def test_bad_spans_of_protobuf_are_counted():
    """Ids of the wrong length, zero ids, no start."""
    request = protobuf_request(
        make_span(1), make_span(2, trace_id="ab"), make_span(3, trace_id="0" * 32), make_span(4, start_ns=0)
    )
    reading = read(request)
    assert reading.spans == ONE
    assert losses(reading) == [("bad_span", "standard input:2", 3)]
    assert "traceId: saw 1 bytes, expected 16 bytes" in reading.losses[0].what


def test_a_long_line_is_skipped(monkeypatch):
    """In bounded memory; its neighbours are read."""
    monkeypatch.setattr(stream, "MAX_LINE", 5000)
    for long in (b'{"resourceSpans":[' + b" " * 700_000 + b"]}", b"x" * 5001):
        reading = read(GOOD + long + b"\n" + json_lines(make_span(2)) + long)
        assert len(reading.spans) == 2
        assert losses(reading) == [("long_line", "standard input:2", 2)]
    assert "longer than" in refused(b"[" * 700_000)


def test_a_line_at_the_limit_is_read(monkeypatch):
    """The limit itself is allowed."""
    monkeypatch.setattr(stream, "MAX_LINE", len(GOOD) - 1)
    assert read(GOOD).spans == ONE


def test_a_long_frame_is_skipped(monkeypatch):
    """What a compressed request becomes is bounded as well."""
    bomb = zstd(b"\x0a" + bytes(50_000))
    data = framed([zstd(protobuf_request(make_span(1))), bomb], "big")
    monkeypatch.setattr(stream, "MAX_LINE", 5000)
    assert losses(read(data)) == [("long_line", "standard input:2", 1)]


def test_a_document_above_the_limit_is_refused(monkeypatch):
    """It says what has no limit."""
    monkeypatch.setattr(stream, "MAX_DOCUMENT", 1000)
    assert "write one request per line" in refused(json.dumps(json_request(*RICH), indent=2).encode())
    assert read(json_lines(*RICH)).spans == RICH


@pytest.mark.parametrize(
    ("pack", "said"), [(gzip.compress, "its gzip data ends early"), (zstd, "its zstd data ends early")]
)
def test_compressed_data_that_ends_early_keeps_what_was_read(pack, said):
    """Findings of the rest are still good; the reading says that it failed."""
    noise = [make_span(n, name=random.Random(n).randbytes(900).hex()) for n in range(1, 300)]
    data = pack(json_lines(*noise))
    reading = read(data[: len(data) * 2 // 3])
    assert 0 < len(reading.spans) < 299
    assert reading.failed is not None
    assert reading.failed.startswith("standard input: ")
    assert said in reading.failed
    assert [(loss.kind, loss.count) for loss in reading.losses] == [("truncated", 1)]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_damaged_compressed_data_keeps_what_was_read(pack):
    """Garbage after a good member."""
    reading = read(pack(GOOD) + b"garbage, not another member")
    assert reading.spans == ONE
    assert reading.failed is not None
    assert "is damaged" in reading.failed
    assert [loss.kind for loss in reading.losses] == ["truncated"]


def test_a_wrong_checksum_is_a_failure():
    """The spans are there, but whether they are right can't be said."""
    data = bytearray(gzip.compress(GOOD, mtime=0))
    data[-8] ^= 1
    assert "is damaged" in (read(bytes(data)).failed or "")


def test_a_read_error_half_way_keeps_what_was_read():
    """A disk or a network file system that gives up."""

    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(size)

    reading = read_spans("-", stdin=Failing(GOOD))
    assert reading.spans == ONE
    assert reading.failed == "standard input: reading broke off: Input/output error; what came before was read"
    assert losses(reading) == [("truncated", "standard input", 1)]


def test_a_read_error_at_once_is_an_error():
    """Nothing was read."""

    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(SourceError, match=r"cannot be read: .*Input/output error"):
        read_spans("-", stdin=Failing())


def test_a_decompression_bomb_is_one_long_line(monkeypatch):
    """A few kilobytes that become hundreds of megabytes of one line are skipped, piece by piece."""
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join([packer.compress(GOOD), *(packer.compress(b" " * (1 << 20)) for _ in range(80)), packer.flush()])
    longest = 0

    def watched(pieces):
        nonlocal longest
        for piece in pieces:
            longest = max(longest, len(piece))
            yield piece

    real = stream.lines
    monkeypatch.setattr(stream, "lines", lambda pieces: real(watched(pieces)))
    reading = read(bomb)
    assert reading.spans == ONE
    assert losses(reading) == [("long_line", "standard input:2", 1)]
    assert longest <= stream.PIECE


@pytest.mark.parametrize(
    ("module", "data", "extra"),
    [("zstandard", zstd(GOOD), "zstd"), ("google.protobuf.message", protobuf_request(make_span(1)), "protobuf")],
)
def test_a_missing_extra_says_how_to_get_it(monkeypatch, module, data, extra):
    """Plain JSON needs neither."""
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == module:
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert f"needs the extra: pip install 'flow-verifier[{extra}]'" in refused(data)
    assert read(GOOD).spans == ONE


@pytest.mark.parametrize("seed", range(200))
def test_mangled_input_never_ends_in_a_traceback(seed):
    """Good files with bytes changed, cut out and doubled: a reading or a `SourceError`."""
    chance = random.Random(seed)
    data = bytearray(chance.choice([form(*RICH) for form in FORMS.values()]))
    for _ in range(chance.randrange(1, 6)):
        at, size = chance.randrange(len(data)), chance.randrange(1, 30)
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + size]
                data = data or bytearray(b"\n")
            case 2:
                data[at:at] = data[at : at + size]
    with contextlib.suppress(SourceError):
        # What can be read must be sound: ids whole, times on the clock.
        for span in read(bytes(data)).spans:
            assert (len(span.trace_id), len(span.span_id), span.start_ns > 0) == (32, 16, True)


def test_a_pipe_given_as_a_file_is_read(tmp_path):
    """What the shell's <(…) gives is a pipe with a name."""
    reader, writer = os.pipe()
    os.write(writer, GOOD)
    os.close(writer)
    try:
        assert read_spans(f"/dev/fd/{reader}").spans == ONE
    finally:
        os.close(reader)


def test_an_input_that_broke_off_is_one_loss():
    """The compression that ends early is the cause; that a line does as well is the same loss, not another."""
    whole = gzip.compress(b"".join(json_lines(make_span(n, name=f"{n * 7919}")) for n in range(1, 400)), mtime=0)
    reading = read(whole[: len(whole) // 2])
    (loss,) = reading.losses
    assert (loss.kind, loss.what) == ("truncated", "its gzip data ends early")
    assert loss.where == f"standard input:{len(reading.spans) + 1}"


def test_a_scope_with_a_misspelt_list_is_counted_beside_good_ones():
    """A scope may be empty, but not in another spelling."""
    request = json_request(make_span(1))
    request["resourceSpans"][0]["scopeSpans"] += [{"scope": {}}, {"scope": {}, "spans": []}, {"span": [{}]}]
    reading = read(json.dumps(request).encode())
    assert len(reading.spans) == 1
    (loss,) = reading.losses
    assert (loss.kind, loss.where) == ("bad_line", "standard input:1")
    assert "scopeSpans[3] has no 'spans'" in loss.what


def test_an_empty_request_is_a_legal_one():
    """Nobody lost anything: the run will say that nothing was seen."""
    reading = read(b'{"resourceSpans":[]}\n')
    assert (reading.spans, reading.losses) == ((), ())
