"""Records from a broker: the same as those of a file, all of them, and what can't be had is said.

On the embedded broker, or on the one that PHASE1_KAFKA names.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.examples.needs import needs_phase1
from verifier.errors import SourceError
from verifier.sources import kafka, read_records
from verifier.spans import Reading

needs_phase1()

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # noqa: E402  only where its extra is installed
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete  # noqa: E402
from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

from examples.phase1.broker import MockCluster  # noqa: E402
from examples.phase1.kafka import create_topics  # noqa: E402

pytestmark = pytest.mark.integration
Message = tuple[int, bytes | None, list[tuple[str, bytes]], bytes | None]
"""Partition, key, headers, value."""
REAL = os.environ.get("PHASE1_KAFKA")
T_MS = 1_795_000_000_000
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
MESSAGES: list[Message] = [
    (0, b"1", [("traceparent", TRACE.encode())], b'{"event_id": "e1", "data": {"n": 1, "who": "\xc3\x85sa"}}'),
    (0, b"1", [], b'{"event_id": "e2", "event_timestamp": "2026-11-22T22:00:00Z"}'),
    (1, None, [("odd", b"")], b'{"event_id": "e3"}'),
    (1, b"2", [], None),
]


@pytest.fixture
def topic() -> str:
    return f"try.{uuid4().hex}"


@pytest.fixture
def bootstrap(topic: str) -> Iterator[str]:
    """A broker with that topic, in two partitions."""
    if REAL:
        asyncio.run(create_topics(REAL, (topic,), partitions=2))
        yield REAL
    else:
        cluster = MockCluster((topic, f"{topic}.more"), partitions=2)
        yield cluster.bootstrap


async def _send(bootstrap: str, topic: str, messages: list[Message], at_ms: int = T_MS) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for n, (partition, key, headers, value) in enumerate(messages):
            await producer.send_and_wait(
                topic, value, key=key, headers=headers, partition=partition, timestamp_ms=at_ms + n
            )
    finally:
        await producer.stop()


def _as_file(path: Path, topic: str) -> str:
    """The same messages as a records file."""
    offsets = [0, 0]
    lines = []
    for n, (partition, key, headers, value) in enumerate(MESSAGES):
        line = {
            "topic": topic,
            "partition": partition,
            "offset": offsets[partition],
            "key": key and key.decode(),
            "headers": [[name, text.decode()] for name, text in headers],
            "timestamp_ms": T_MS + n,
            "timestamp_type": "CreateTime",
            "value": value if value is None else json.loads(value),
        }
        offsets[partition] += 1
        lines.append(json.dumps(line))
    head = json.dumps({"topics": {topic: {"0": [0, offsets[0]], "1": [0, offsets[1]]}}})
    path.write_text("\n".join([head, *lines]), encoding="utf-8")
    return str(path)


def test_a_broker_gives_what_a_file_gives(bootstrap: str, topic: str, tmp_path: Path) -> None:
    """To the letter: records, losses, and which offsets were read."""
    asyncio.run(_send(bootstrap, topic, MESSAGES))
    broker, file = read_records(f"kafka://{bootstrap}/{topic}"), read_records(_as_file(tmp_path / "r.jsonl", topic))
    assert broker.records == file.records
    assert len(broker.records) == len(MESSAGES)
    assert (
        (broker.topics, broker.losses, broker.failed)
        == (file.topics, file.losses, file.failed)
        == (
            {topic: {0: (0, 2), 1: (0, 2)}},
            (),
            None,
        )
    )


def test_what_is_no_json_is_counted_with_its_place(bootstrap: str, topic: str) -> None:
    """It may be of any flow of the topic; bytes that are no text break nothing."""
    odd: list[Message] = [
        (0, b"\xff", [("h", b"\xfe")], b"\xff\xfe"),
        (0, b"1", [], b"[1]"),
        (1, b"1", [], b'{"event_id": "e"}'),
    ]
    asyncio.run(_send(bootstrap, topic, odd))
    reading = read_records(f"kafka://{bootstrap}/{topic}")
    assert [(loss.kind, loss.topic, loss.count) for loss in reading.losses] == [("opaque_record", topic, 2)]
    assert reading.losses[0].what.startswith(f"{topic} 0:0: its value is a JSON string")
    assert (reading.records[0].key, reading.records[0].headers) == ("\\xff", (("h", "\\xfe"),))


def test_it_reads_inside_an_event_loop(bootstrap: str, topic: str) -> None:
    """An async test asks for a verdict while its loop runs."""

    async def story() -> Reading:
        await _send(bootstrap, topic, MESSAGES)
        return read_records(f"kafka://{bootstrap}/{topic}")

    assert len(asyncio.run(story()).records) == len(MESSAGES)


def test_topics_are_globs_and_a_glob_that_means_none_is_an_error(bootstrap: str, topic: str) -> None:
    """It names those that are there and look like it."""
    asyncio.run(_send(bootstrap, topic, MESSAGES))
    reading = read_records(f"kafka://{bootstrap}/{topic[:12]}*")
    assert {r.topic for r in reading.records} == {topic}
    assert reading.topics is not None
    assert (reading.topics[topic], reading.topics[f"{topic[:12]}*"]) == ({0: (0, 2), 1: (0, 2)}, {})
    with pytest.raises(SourceError, match=f"the broker has no topic '{topic}x'; it has {topic}"):
        read_records(f"kafka://{bootstrap}/{topic},{topic}x")


def test_an_empty_topic_is_read_and_says_so(bootstrap: str, topic: str) -> None:
    """Nothing was sent: that is known."""
    reading = read_records(f"kafka://{bootstrap}/{topic}")
    assert (reading.records, reading.topics, reading.losses) == ((), {topic: {0: (0, 0), 1: (0, 0)}}, ())


@pytest.mark.skipif(not REAL, reason="only a real Kafka has transactions and deletes records: set PHASE1_KAFKA")
def test_aborted_messages_are_none_and_deleted_ones_a_loss(bootstrap: str, topic: str) -> None:
    """The reading ends though the last offsets are no records; what was deleted was before what is left."""

    async def story() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
        await producer.start()
        for n in range(4):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b'{"event_id": "e%d"}' % n, partition=0, timestamp_ms=T_MS + n)
            await (producer.abort_transaction() if n % 2 else producer.commit_transaction())
        await producer.stop()

    asyncio.run(story())
    reading = read_records(f"kafka://{bootstrap}/{topic}")
    assert [r.value["event_id"] for r in reading.records] == ["e0", "e2"]
    assert reading.topics == {topic: {0: (0, 8), 1: (0, 0)}}

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=2)})
        await admin.close()

    asyncio.run(delete())
    reading = read_records(f"kafka://{bootstrap}/{topic}")
    (loss,) = reading.losses
    assert (loss.kind, loss.count, loss.topic, loss.until_ns) == (
        "deleted_records",
        2,
        topic,
        (T_MS + 120_002) * 1_000_000,
    )
    assert loss.what == f"the broker no longer has offsets 0 to 1 of {topic} partition 0"


@pytest.mark.skipif(not REAL, reason="only a real Kafka has transactions: set PHASE1_KAFKA")
def test_what_an_open_transaction_holds_back_is_a_loss(bootstrap: str, topic: str) -> None:
    """Others' records too, that were published behind it; nobody waits for it."""

    async def story() -> tuple[Reading, Reading]:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
        await producer.start()
        await _send(bootstrap, topic, MESSAGES[:1])
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"{}", partition=0, timestamp_ms=T_MS)
        await _send(bootstrap, topic, MESSAGES[1:2])
        meanwhile = read_records(f"kafka://{bootstrap}/{topic}")
        await producer.abort_transaction()
        await producer.stop()
        return meanwhile, read_records(f"kafka://{bootstrap}/{topic}")

    meanwhile, then = asyncio.run(story())
    (loss,) = meanwhile.losses
    assert [r.offset for r in meanwhile.records] == [0]
    assert (loss.kind, loss.count, loss.topic, loss.until_ns) == ("open_transaction", 2, topic, None)
    assert loss.what == f"an open transaction holds back 2 offsets of {topic} partition 0"
    assert ([r.offset for r in then.records], then.losses, meanwhile.failed) == ([0, 2], (), None)


@pytest.mark.skipif(not REAL, reason="only a real Kafka compacts: set PHASE1_KAFKA")
def test_what_was_compacted_away_is_a_loss(bootstrap: str, topic: str) -> None:
    """Only the newest record of a key is left: what the others said can't be known."""
    compacted, url = f"{topic}.compacted", f"kafka://{bootstrap}/{topic}.compacted"
    configs = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    configs["max.compaction.lag.ms"] = "100"

    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(compacted, num_partitions=1, replication_factor=1, topic_configs=configs)])
        await admin.close()

    asyncio.run(create())
    events: list[Message] = [(0, b"k%d" % (n % 2), [], b'{"event_id": "e%d"}' % n) for n in range(10)]
    asyncio.run(_send(bootstrap, compacted, events))
    asyncio.run(_send(bootstrap, compacted, events[:1], T_MS + 1000))  # a new segment: the first can be compacted
    reading = read_records(url)
    assert reading.losses == ()
    deadline = time.monotonic() + 90  # the log cleaner looks every 15 s
    while not (reading := read_records(url)).losses and time.monotonic() < deadline:
        time.sleep(0.5)
    (loss,) = reading.losses
    assert (loss.kind, loss.topic, loss.until_ns) == ("deleted_records", compacted, None)
    assert loss.count == 11 - len(reading.records) > 0
    assert "the topic is compacted: the broker has no record for" in loss.what


def test_reading_leaves_no_spans(bootstrap: str, topic: str) -> None:
    """Where this process's use of aiokafka is traced, our own isn't."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = AIOKafkaInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        asyncio.run(_send(bootstrap, topic, MESSAGES))
        assert len(read_records(f"kafka://{bootstrap}/{topic}").records) == len(MESSAGES)
    finally:
        instrumentor.uninstrument()
    assert [span.name for span in spans.get_finished_spans()] == [f"{topic} send"] * len(MESSAGES)


@pytest.mark.skipif(not REAL, reason="the embedded broker lists no groups: set PHASE1_KAFKA")
def test_groups_that_have_not_passed_a_record_are_told(bootstrap: str, topic: str) -> None:
    """By the offset that they committed; one that has passed all is not spoken of."""
    asyncio.run(_send(bootstrap, topic, MESSAGES))

    async def commit() -> None:
        for group, offsets in (("slow", (1, 0)), ("done", (2, 2))):
            consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{topic}-{group}")
            await consumer.start()
            places = [TopicPartition(topic, n) for n in range(2)]
            consumer.assign(places)
            await consumer.commit(dict(zip(places, offsets, strict=True)))
            await consumer.stop()

    asyncio.run(commit())
    behind = [(b.group, b.partition, b.offsets) for b in read_records(f"kafka://{bootstrap}/{topic}").behind]
    assert behind == [(f"{topic}-slow", 0, (1,)), (f"{topic}-slow", 1, (0, 1))]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("kafka://127.0.0.1:1/t", "no Kafka broker answers at 127.0.0.1:1: .*is it running there"),
        ("kafka://127.0.0.1", "no topic is named, expected kafka://HOST:PORT/TOPIC"),
        ("kafka://127.0.0.1/", "no topic is named"),
        ("kafka:///t", "'' is no broker's HOST:PORT"),
        ("kafka://h:99999/t", "'h:99999' is no broker's HOST:PORT"),
        ("kafka://h,/t", "'' is no broker's HOST:PORT"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(url: str, says: str) -> None:
    """In a sentence that begins with the address."""
    with pytest.raises(SourceError, match=f"^{url}: {says}"):
        read_records(url)


def test_the_address_of_several_brokers() -> None:
    """With ports or without, and IPv6."""
    assert kafka.parse("kafka://a,b:1,[::1]:2/t,u.*") == kafka.Address(
        brokers="a:9092,b:1,[::1]:2", topics=("t", "u.*")
    )


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts connections and never answers."""
    monkeypatch.setattr(kafka, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SourceError, match=f"no Kafka broker answers at 127.0.0.1:{port}: it took too long"):
            read_records(f"kafka://127.0.0.1:{port}/t")


@pytest.mark.skipif(bool(REAL), reason="a broker that others use is not stopped: unset PHASE1_KAFKA")
def test_a_broker_that_goes_away_half_way_is_told(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read by then stands; the reading has failed, and says how much is lacking."""
    monkeypatch.setattr(kafka, "STALL_S", 1.0)
    cluster = MockCluster((topic,), partitions=2)
    asyncio.run(_send(cluster.bootstrap, topic, MESSAGES))
    real = kafka._records

    async def after_the_end(*given: object) -> None:
        cluster.down()
        await real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(kafka, "_records", after_the_end)
    reading = read_records(f"kafka://{cluster.bootstrap}/{topic}")
    assert reading.failed is not None
    assert "the broker stopped answering with 4 offsets to go: nothing came for 1 s" in reading.failed


def test_nothing_of_the_client_is_heard(tmp_path: Path) -> None:
    """One line on stderr, no log, no traceback, exit code 4."""
    args = ["check", "phase1-regular", "--records", "kafka://127.0.0.1:1/t"]
    code = f"from verifier.cli import main; raise SystemExit(main({args!r}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert said.returncode == 4
    assert said.stderr.startswith("verifier: kafka://127.0.0.1:1/t: no Kafka broker answers")
    assert said.stderr.count("\n") == 1, said.stderr
