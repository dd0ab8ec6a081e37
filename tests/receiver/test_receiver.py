"""The receiver answers as OTLP asks, and keeps what it acknowledges."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="receiving needs the extra; un-skip: pip install 'flow-verifier[receiver]'")
pytest.importorskip("grpc", reason="receiving needs the extra; un-skip: pip install 'flow-verifier[receiver]'")

import contextlib

from tests.receiver.sending import post, protobuf, raw, request
from verifier.errors import SourceError, UsageError
from verifier.receiver import Endpoints, Journal, Receiver
from verifier.receiver import answer as answers
from verifier.receiver import journal as journals
from verifier.sources import read_spans

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def open_(folder: Path) -> Iterator[Endpoints]:
    with Receiver(journal=folder) as endpoints:
        yield endpoints


def names(folder: Path) -> list[str]:
    return [span.name for span in read_spans(str(folder)).spans]


def losses(folder: Path) -> list[tuple[str, int]]:
    return [(loss.kind, loss.count) for loss in read_spans(str(folder)).losses]


def test_spans_are_kept_in_both_formats_and_packed(open_: Endpoints, folder: Path) -> None:
    """JSON and protobuf, plain and packed by gzip, over one way of asking."""
    assert post(open_.http, request(1)).body == b"{}"
    assert post(open_.http, gzip.compress(request(2)), {"Content-Encoding": "gzip"}).status == 200
    said = post(open_.http, protobuf(3), PROTOBUF)
    assert (said.status, said.body, said.headers["Content-Type"]) == (200, b"", "application/x-protobuf")
    assert post(open_.http, gzip.compress(protobuf(4)), {**PROTOBUF, "Content-Encoding": "gzip"}).status == 200
    two = gzip.compress(request(5)[:20]) + gzip.compress(request(5)[20:])
    assert post(open_.http, two, {"Content-Encoding": "gzip"}).status == 200
    assert names(folder) == ["span 1", "span 2", "span 3", "span 4", "span 5"]
    assert losses(folder) == []


def test_exporters_of_opentelemetry_are_understood(open_: Endpoints, folder: Path) -> None:
    """The SDK's own exporters, over HTTP and gRPC, packed and not."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="un-skip: pip install opentelemetry-sdk")
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as ByGrpc
    from opentelemetry.exporter.otlp.proto.http import Compression as Packed
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ByHttp
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    exporters = (
        ("http", ByHttp(endpoint=f"{open_.http}/v1/traces")),
        ("http packed", ByHttp(endpoint=f"{open_.http}/v1/traces", compression=Packed.Gzip)),
        ("grpc", ByGrpc(endpoint=open_.grpc, insecure=True)),
        ("grpc packed", ByGrpc(endpoint=open_.grpc, insecure=True, compression=Compression.Gzip)),
    )
    for name, exporter in exporters:
        provider = sdk.TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("test").start_span(name).end()
        provider.shutdown()
    assert sorted(names(folder)) == ["grpc", "grpc packed", "http", "http packed"]
    assert losses(folder) == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"nonsense", {}, 400),
        (b"[]", {}, 400),
        (b"{}", {}, 400),
        (b"\x0a\xff", PROTOBUF, 400),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(request(1))[:-9], {"Content-Encoding": "gzip"}, 400),
        (request(1), {"Content-Encoding": "br"}, 415),
        (request(1), {"Content-Type": "text/plain"}, 415),
    ],
)
def test_what_cannot_be_read_is_refused_for_good(
    open_: Endpoints, folder: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    """A client error, in the format that was asked in; what was spans by its type is noted in the journal."""
    said = post(open_.http, body, headers)
    assert (said.status, "Retry-After" in said.headers) == (status, False)
    spans = headers.get("Content-Type", "application/json") != "text/plain"
    if spans and not headers.get("Content-Type"):
        assert json.loads(said.body)["message"]
    post(open_.http, request(7))
    assert names(folder) == ["span 7"]
    assert losses(folder) == ([("refused", 1)] if spans else [])


def test_paths_and_methods_are_those_of_otlp(open_: Endpoints) -> None:
    """404 and 405, with what is expected."""
    assert post(open_.http, b"", path="/v1/logs").status == 404
    said = post(open_.http, b"", method="GET")
    assert (said.status, said.headers["Allow"]) == (405, "POST")


def test_a_request_that_is_too_large_is_refused_whatever_it_is_packed_in(
    open_: Endpoints, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """413 by its length, by what came, and by what it becomes."""
    monkeypatch.setattr("verifier.receiver.http.MOST_BYTES", 1000)
    monkeypatch.setattr(answers.unpacked, "__defaults__", (1000,))
    assert post(open_.http, b" " * 1001).status == 413
    bomb = gzip.compress(gzip.compress(b"\0" * 10_000_000))
    assert post(open_.http, gzip.compress(b" " * 100_000), {"Content-Encoding": "gzip"}).status == 413
    assert post(open_.http, bomb[:900], {"Content-Encoding": "gzip"}).status in (400, 413)
    chunked = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert b" 413 " in raw(open_.http, chunked + b"800\r\n" + b" " * 0x800 + b"\r\n0\r\n\r\n")
    assert post(open_.http, request(1)).status == 200
    assert losses(folder) == [("refused", 4)]


def test_spans_that_cannot_be_used_are_a_partial_success(open_: Endpoints, folder: Path) -> None:
    """How many, and why of the first; the good ones are kept."""
    bad = json.loads(request(1, 2, 3))
    bad["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["spanId"] = "0" * 16
    said = post(open_.http, json.dumps(bad).encode())
    partial = json.loads(said.body)["partialSuccess"]
    assert (said.status, partial["rejectedSpans"]) == (200, "1")
    assert "spanId" in partial["errorMessage"]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    body = answers.Answer(rejected=300, why="so").body("protobuf")
    parsed = ExportTraceServiceResponse.FromString(body).partial_success
    assert (parsed.rejected_spans, parsed.error_message) == (300, "so")
    assert names(folder) == ["span 1", "span 3"]


def test_grpc_refuses_with_the_codes_of_otlp(open_: Endpoints) -> None:
    """INVALID_ARGUMENT for what can't be read; RESOURCE_EXHAUSTED for what is too large."""
    import grpc

    channel = grpc.insecure_channel(open_.grpc.removeprefix("http://"))
    export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    assert export(protobuf(1), timeout=10) == b""
    for body, code in (
        (b"\x0a\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (b"\0" * (answers.MOST_BYTES + 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            export(body, timeout=20)
        assert refused.value.code() == code
    channel.close()


def test_too_much_at_once_may_be_sent_again(open_: Endpoints, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After, and no loss: whoever sends keeps it."""
    monkeypatch.setattr("verifier.receiver.intake.MOST_UNDER_WAY", 10)
    said = post(open_.http, request(1))
    assert (said.status, said.headers["Retry-After"]) == (503, "1")
    packed = gzip.compress(request(*range(100)))
    monkeypatch.setattr("verifier.receiver.intake.MOST_UNDER_WAY", len(packed) + 10)
    assert post(open_.http, packed, {"Content-Encoding": "gzip"}).status == 503
    monkeypatch.undo()
    assert post(open_.http, request(2)).status == 200
    assert (names(folder), losses(folder)) == (["span 2"], [])


def test_a_disk_that_is_full_acknowledges_nothing(
    open_: Endpoints, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be written is refused for now, and what was half written is taken back."""
    import errno
    import os

    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) > 100:
            return real(fd, bytes(data)[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journals.os, "write", full)
    said = post(open_.http, request(1))
    assert (said.status, b"No space" in said.body) == (503, True)
    monkeypatch.undo()
    assert post(open_.http, request(2)).status == 200
    assert (names(folder), losses(folder)) == (["span 2"], [])


def test_a_slow_sender_is_cut_off_and_others_are_served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a head, half a body: both end; in between spans are kept."""
    from verifier.receiver.http import Door

    monkeypatch.setattr(Door.__init__, "__kwdefaults__", {"patience_s": 0.3})
    with Receiver(journal=folder) as endpoints:
        port = int(endpoints.http.rpartition(":")[2])
        slow = []
        for start in (
            b"POST /v1/tra",
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        ):
            line = socket.create_connection(("127.0.0.1", port), timeout=10)
            line.sendall(start)
            slow.append(line)
        assert post(endpoints.http, request(1)).status == 200
        for line in slow:
            with contextlib.suppress(ConnectionResetError):
                assert line.recv(100) == b""
            line.close()
        assert post(endpoints.http, request(2)).status == 200
    assert names(folder) == ["span 1", "span 2"]


def test_a_field_that_nobody_knows_harms_nothing(open_: Endpoints, folder: Path) -> None:
    """It may stand before all others; what comes after it in the journal is still read."""
    assert post(open_.http, b"\x78\x01" + protobuf(1), PROTOBUF).status == 200
    assert post(open_.http, b"\x78\x01", PROTOBUF).status == 200
    assert post(open_.http, b"\n " + request(2)).status == 200
    assert post(open_.http, protobuf(3), PROTOBUF).status == 200
    assert (names(folder), losses(folder)) == (["span 1", "span 2", "span 3"], [])


def test_segments_follow_one_another_and_a_torn_end_is_counted(folder: Path) -> None:
    """Each run and each full segment begins a new one; what a crash cut off is a loss, what came before is read."""
    for run in range(2):
        journal = Journal(folder=folder, segment_bytes=400).open()
        for n in range(3):
            journal.append(request(10 * run + n)).result(timeout=10)
        journal.close()
    segments = sorted(path.name for path in folder.iterdir())
    assert segments == [f"requests-{n:06d}.otlp" for n in range(1, len(segments) + 1)]
    assert len(segments) >= 4
    assert (len(names(folder)), losses(folder)) == (6, [])
    last = folder / segments[-1]
    last.write_bytes(last.read_bytes() + b"\0\0\1\0{torn")
    assert (len(names(folder)), losses(folder)) == (6, [("truncated", 1)])


def test_what_is_wrong_is_said_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    """A second writer, a folder that can't be one, a port that is taken."""
    with Receiver(journal=folder) as endpoints:
        with pytest.raises(SourceError, match="another process writes this journal"):
            Receiver(journal=folder).open()
        port = int(endpoints.http.rpartition(":")[2])
        for ports in ({"http_port": port}, {"grpc_port": port}):
            with pytest.raises(UsageError, match=rf"port {port} of 127.0.0.1 can't be used: .*in use"):
                Receiver(journal=tmp_path / "other", **ports).open()
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="can't be used as a journal"):
        Receiver(journal=tmp_path / "file").open()
    with Receiver(journal=folder):
        pass


def test_what_says_it_is_protobuf_is_read_as_that(open_: Endpoints, folder: Path) -> None:
    """JSON under the wrong type is refused, also where a file of it would be read."""
    assert post(open_.http, request(1), PROTOBUF).status == 400
    assert post(open_.http, request(2)).status == 200
    assert (names(folder), losses(folder)) == (["span 2"], [("refused", 1)])
