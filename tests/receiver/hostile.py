"""Requests that mean harm: a receiver goes on, and no good span between two of them is lost.

    python -m tests.receiver.hostile --requests 1000

In: how many. Out: how many of the good spans in between were kept, and how much memory the receiver took.
"""

import argparse
import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.receiver.kill import start
from tests.receiver.sending import post, protobuf, raw, request
from verifier.sources import read_spans

HEAD = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{more}\r\n"
KINDS = st.sampled_from(("application/json", "application/x-protobuf", "text/html", "", "application/json; charset=x"))
BYTES = st.binary(max_size=400)
DEEP = st.integers(1, 3000).map(lambda n: b'{"resourceSpans":' + b"[" * n + b"]" * (n // 2))


def _attribute(depth: int) -> bytes:
    """A span with a value that is nested so deep."""
    value = b'{"arrayValue":{"values":[' * depth + b'{"intValue":"1"}' + b"]}}" * depth
    return request(0).replace(b'"kind": 2', b'"kind": 2, "attributes": [{"key": "x", "value": ' + value + b"}]")


def _lengths(n: int) -> bytes:
    """A field that says it is longer than anything."""
    return b"\x0a" + bytes([255] * (n % 9)) + b"\x7f" + b"x" * (n % 50)


BODIES = st.one_of(
    BYTES,
    st.integers(0, 300).map(lambda n: protobuf(0)[:n]),
    st.integers(0, 300).map(lambda n: request(0)[:n]),
    st.integers(0, 10_000).map(_lengths),
    DEEP,
    st.integers(1, 400).map(_attribute),
    st.integers(0, 30).map(lambda n: gzip.compress(b"\0" * (n << 20), 1)),
    st.integers(0, 5).map(lambda n: gzip.compress(gzip.compress(b" " * (n << 20)))),
)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """One connection's bytes."""
    body = draw(BODIES)
    more = draw(
        st.sampled_from(
            (
                f"Content-Length: {len(body)}\r\n",
                f"Content-Length: {len(body)}\r\nContent-Encoding: gzip\r\n",
                f"Content-Length: {len(body)}\r\nContent-Encoding: br\r\n",
                f"Content-Length: {len(body) * 3 + 1}\r\n",  # the rest never comes
                "Content-Length: 99999999999999\r\n",
                "Content-Length: -1\r\n",
                "Content-Length: x\r\n",
                "Transfer-Encoding: chunked\r\n",
                f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n",
                "",
            )
        )
    )
    head = HEAD.format(kind=draw(KINDS), more=more).encode()
    return draw(st.sampled_from((head + body, head + body, head + body, body, head[:-4], head * 3 + body)))


def attack(folder: Path, requests: int) -> tuple[int, list[str], int]:
    """(good spans in between, the names of those that were lost, peak memory in KiB)."""
    process, url = start(folder)
    sent = 0

    @settings(
        max_examples=requests,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(hostile())
    def one(data: bytes) -> None:
        nonlocal sent
        raw(url, data, patience_s=0.02)
        assert post(url, request(sent + 1, service="good")).status == 200
        sent += 1

    try:
        one()
        assert process.poll() is None, "it ended"
        status = Path(f"/proc/{process.pid}/status")
        peak = 0
        if status.exists():
            peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    kept = {span.name for span in read_spans(str(folder)).spans if span.service == "good"}
    return sent, [f"span {n}" for n in range(1, sent + 1) if f"span {n}" not in kept], peak


def main(args: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=1000)
    asked = parser.parse_args(args)
    with tempfile.TemporaryDirectory() as folder:
        sent, lost, peak = attack(Path(folder) / "journal", asked.requests)
    print(f"{sent} hostile requests, a good span after each: {len(lost)} lost; peak memory {peak >> 10} MiB")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
