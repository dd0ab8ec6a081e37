"""Records files: what a line may hold, when a record was made and seen, and what is wrong with bad ones."""

import io
import json
import random
from dataclasses import replace

import pytest
from otlp_writing import RICH, json_lines, protobuf_request, zstd

from verifier.errors import SourceError
from verifier.sources import read_records, stream

MILLION, BILLION = 1_000_000, 1_000_000_000


def read(*lines):
    """The reading of these lines: JSON for values, bytes as they are."""
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return read_records("-", stdin=io.BytesIO(b"\n".join(texts) + b"\n"))


def line(offset=0, **changes):
    """A line of a records file; a field that is None is left out."""
    given = {"topic": "t", "partition": 0, "offset": offset, "seen_unix": 100.5, "value": {"event_id": f"e{offset}"}}
    return given | changes


def only(*lines):
    """The one record of these lines; nothing was lost."""
    reading = read(*lines)
    assert reading.losses == ()
    (record,) = reading.records
    return record


def refused(*lines):
    """The sentence of the error that these lines give."""
    with pytest.raises(SourceError) as caught:
        read(*lines)
    return str(caught.value)


def test_a_whole_line():
    """Every field where it belongs; lists become tuples."""
    record = only(
        line(7, partition=3, key="k", headers=[["a", "1"], ["a", None]], value={"data": {"l": [1, {"x": []}]}})
    )
    assert record.id == ("t", 3, 7)
    assert (record.key, record.headers) == ("k", (("a", "1"), ("a", "")))
    assert record.value == {"data": {"l": (1, {"x": ()})}}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [(None, ()), ([], ()), ({}, ()), ({"a": "1", "b": None}, (("a", "1"), ("b", ""))), ([["a", ""]], (("a", ""),))],
)
def test_headers_are_pairs_an_object_or_null(headers, expected):
    """Kafka allows a name twice, so pairs are the exact form."""
    assert only(line(headers=headers)).headers == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": None}, {"a": None}),
        ('{"a": [1]}', {"a": (1,)}),
        (None, {}),
        ("plain text", {}),
        ("[1]", {}),
        ([1], {}),
        (5, {}),
        ("[" * 100_000, {}),
    ],
)
def test_the_value_is_an_object_or_nothing(value, expected):
    """A tombstone and a value that is no JSON object are records all the same."""
    reading = read(line(value=value))
    (record,) = reading.records
    assert record.value == expected
    # whose it is can't be told where there is a value and it is no object
    opaque = value is not None and not expected and value not in ({}, "{}")
    assert [loss.kind for loss in reading.losses] == (["opaque_record"] if opaque else [])


@pytest.mark.parametrize(
    ("text", "made_ns"),
    [
        ("1970-01-01T00:01:40Z", 100 * BILLION),
        ("1970-01-01T00:01:40", 100 * BILLION),
        ("1970-01-01 00:01:40+00:00", 100 * BILLION),
        ("1970-01-01T02:01:40+02:00", 100 * BILLION),
        ("1970-01-01T02:01:40+0200", 100 * BILLION),
        ("1970-01-01T00:01:40.123456789Z", 100 * BILLION + 123456789),
        ("1970-01-01T00:01:40.1Z", 100 * BILLION + 100_000_000),
        ("1970-01-01T00:01:40,5z", 100 * BILLION + 500_000_000),
        ("1970-01-01T00:01:39.9999999999Z", 100 * BILLION - 1),
        (99.25, 99 * BILLION + 250_000_000),
        (99, 99 * BILLION),
        ("2999-01-01T00:00:00Z", 100 * BILLION + 500_000_000),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("1970-13-01T00:00:00Z", None),
        ("1970-01-01", None),
        ("", None),
        (None, None),
        (True, None),
        (-5, None),
        ([1], None),
    ],
)
def test_a_record_was_made_when_its_envelope_says_but_not_after_it_was_seen(text, made_ns):
    """A clock in the future can't have it made after a reader saw it."""
    record = only(line(value={"event_timestamp": text}))
    assert (record.made_ns, record.seen_ns) == (made_ns, 100 * BILLION + 500_000_000)


def test_the_time_of_the_broker_is_exact():
    """It is when the record was appended, whatever the envelope says."""
    record = only(line(seen_unix=None, timestamp_ms=100_250, value={"event_timestamp": "1970-01-01T00:00:01Z"}))
    assert (record.made_ns, record.seen_ns) == (100_250 * MILLION, 100_250 * MILLION)


def test_a_time_that_the_producer_gave_is_its_clocks_to_the_millisecond():
    """Kafka's default: two producers' records are no nearer to one another than two clocks."""
    record = only(line(seen_unix=None, timestamp_ms=100_250, timestamp_type="CreateTime"))
    assert (record.made_ns, record.seen_ns) == (100_250 * MILLION, 100_251 * MILLION - 1)
    brokers = only(line(seen_unix=None, timestamp_ms=100_250, timestamp_type="LogAppendTime"))
    assert (brokers.made_ns, brokers.seen_ns) == (100_250 * MILLION, 100_250 * MILLION)


def test_a_broker_without_a_time_leaves_the_readers():
    """Kafka says -1 for none."""
    assert only(line(timestamp_ms=-1)).made_ns is None
    assert only(line(timestamp_ms=None)).seen_ns == 100 * BILLION + 500_000_000


def test_the_header_says_which_offsets_were_read():
    """Then the file speaks of these topics only."""
    header = {"topics": {"t": {"0": [5, 9], "1": [0, 0]}, "u": {}}}
    reading = read(header, line(5))
    assert reading.topics == {"t": {0: (5, 9), 1: (0, 0)}, "u": {}}
    assert (len(reading.records), reading.losses) == (1, ())
    assert read(line(5)).topics is None
    assert read(header).records == ()


@pytest.mark.parametrize(
    "topics", [5, {"t": 5}, {"t": {"x": [0, 1]}}, {"t": {"0": [0]}}, {"t": {"0": [2, 1]}}, {"t": {"0": ["0", 1]}}]
)
def test_a_bad_header_is_counted(topics):
    """Which offsets were read is then not known: that casts doubt on everything."""
    reading = read({"topics": topics}, line(1))
    assert (len(reading.records), reading.topics) == (1, None)
    assert [(loss.kind, loss.where, loss.topic) for loss in reading.losses] == [
        ("bad_record", "standard input:1", None)
    ]
    assert "topics" in reading.losses[0].what


def test_a_header_on_a_later_line_is_counted():
    """Two files joined without care."""
    reading = read(line(1), {"topics": {}})
    assert [(loss.kind, loss.where) for loss in reading.losses] == [("bad_record", "standard input:2")]
    assert "expected it on the first" in reading.losses[0].what


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"partition": -1}, "partition: saw -1, expected a whole number from 0"),
        ({"partition": "0"}, "partition: saw '0'"),
        ({"partition": True}, "partition: saw true"),
        ({"offset": 1.5}, "offset: saw 1.5"),
        ({"offset": 1 << 63}, "offset: saw 9223372036854775808"),
        ({"key": 5}, "key: saw 5, expected a string or null"),
        ({"headers": "x"}, "headers: saw 'x'"),
        ({"headers": [["a"]]}, "headers: saw a JSON list"),
        ({"headers": [["a", 5]]}, "headers: saw 'a' with 5"),
        ({"headers": {"a": {}}}, "headers: saw 'a' with an empty object"),
        ({"seen_unix": 0}, "seen_unix: saw 0, expected timestamp_ms or seen_unix"),
        ({"timestamp_type": 0}, "timestamp_type: saw 0, expected CreateTime or LogAppendTime"),
        ({"seen_unix": "5"}, "seen_unix: saw '5'"),
        ({"seen_unix": 1e300}, "seen_unix: saw 1e+300"),
        ({"seen_unix": True}, "seen_unix: saw true"),
        ({"value": json.loads('{"a":' + "[" * 101 + "]" * 101 + "}")}, "nested more than 100 deep"),
    ],
)
def test_a_bad_record_is_counted_for_its_topic(changes, said):
    """The others are read; the loss names the field and narrows down to the topic."""
    reading = read(line(1), line(2) | changes, line(3))
    assert [record.offset for record in reading.records] == [1, 3]
    (loss,) = reading.losses
    assert (loss.kind, loss.where, loss.topic, loss.count) == ("bad_record", "standard input:2", "t", 1)
    assert said in loss.what


def test_a_record_without_topic_or_time_is_counted():
    """Fields that are missing are named too."""
    reading = read(line(1), line(2, topic=5), {"topic": "t", "partition": 0, "offset": 3, "value": {}})
    assert [(loss.topic, loss.what.split(",")[0]) for loss in reading.losses] == [
        (None, "topic: saw 5"),
        ("t", "saw neither timestamp_ms nor seen_unix"),
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"hello", "is not JSON"),
        (b"[1]", "saw a JSON list"),
        (b'{"a": 1}', "saw an object with 'a', expected an object with topic"),
        (b'{"resourceSpans":[]}', "this is a spans file: give it with --spans"),
        (b'"\xff"', "is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_counted(bad, said):
    """Twice the same: one loss, the first line, the count."""
    reading = read(line(1), bad, bad, line(2))
    assert len(reading.records) == 2
    (loss,) = reading.losses
    assert (loss.kind, loss.where, loss.count) == ("bad_line", "standard input:2", 2)
    assert said in loss.what


def test_a_cut_last_line_is_truncated():
    """The writer was killed."""
    data = json.dumps(line(1)).encode() + b"\n" + json.dumps(line(2)).encode()[:30]
    reading = read_records("-", stdin=io.BytesIO(data))
    assert [(loss.kind, loss.where) for loss in reading.losses] == [("truncated", "standard input:2")]


def test_a_long_line_is_skipped(monkeypatch):
    """In bounded memory, as for spans."""
    monkeypatch.setattr(stream, "MAX_LINE", 1000)
    reading = read(line(1), line(2, key="x" * 2000), line(3))
    assert [record.offset for record in reading.records] == [1, 3]
    assert [(loss.kind, loss.where) for loss in reading.losses] == [("long_line", "standard input:2")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "only blank lines"),
        (b"\x89PNG\r\n\x1a\n", "starts with a PNG picture, expected Kafka records"),
        (json_lines(*RICH), "this is a spans file: give it with --spans"),
        (protobuf_request(*RICH), "perhaps spans (give such a file with --spans)"),
        (zstd(json_lines(*RICH)), "this is a spans file: give it with --spans"),
        (b'{"topic":"t"}\n', "partition: saw nothing"),
        (b"a,b\n1,2\n", "is not JSON"),
    ],
)
def test_a_file_without_a_good_record_is_an_error(data, said):
    """One sentence: the file, what is wrong, what was expected, what to do."""
    with pytest.raises(SourceError) as caught:
        read_records("-", stdin=io.BytesIO(data))
    assert said in str(caught.value)
    assert "expected Kafka records" in str(caught.value)


def test_a_record_that_was_read_twice_is_one():
    """When it was seen is no part of it; the first sight says the most."""
    reading = read(line(1, seen_unix=30), line(1, seen_unix=20), line(1, seen_unix=40))
    assert [record.seen_ns for record in reading.records] == [20 * BILLION]
    assert [(loss.kind, loss.count, loss.demotes) for loss in reading.losses] == [("repeated_record", 2, False)]


def test_two_records_under_one_offset_are_a_conflict():
    """One is kept by its content, so the order of the lines decides nothing."""
    lines = [line(1, value={"a": 1}), line(1, value={"a": 2}), line(1, value={"a": 2}, seen_unix=7), line(2)]
    kept = set()
    for seed in range(8):
        random.Random(seed).shuffle(lines)
        reading = read(*lines)
        kept.add((reading.records[0].seen_ns, str(reading.records[0].value), reading.losses))
    assert len(kept) == 1
    assert [(loss.kind, loss.count, loss.topic) for loss in reading.losses] == [
        ("conflicting_record", 1, "t"),
        ("repeated_record", 1, None),
    ]


def test_records_are_sorted_by_place():
    """Topic, partition, offset."""
    lines = [line(2), line(1), line(1, partition=2), line(1, partition=10), line(0, topic="s")]
    ids = [record.id for record in read(*lines).records]
    assert ids == [("s", 0, 0), ("t", 0, 1), ("t", 0, 2), ("t", 2, 1), ("t", 10, 1)]


def test_headers_of_several_files_are_joined(tmp_path):
    """Offsets that no file has read are missing evidence of that topic."""
    for number, offsets in enumerate([[0, 5], [5, 9], [20, 30]]):
        header = {"topics": {"t": {"0": offsets}, f"u{number}": {"0": [0, 0]}}}
        (tmp_path / str(number)).write_text(json.dumps(header) + "\n" + json.dumps(line(offsets[0])) + "\n")
    reading = read_records(str(tmp_path))
    assert reading.topics == {"t": {0: (0, 30)}, "u0": {0: (0, 0)}, "u1": {0: (0, 0)}, "u2": {0: (0, 0)}}
    assert [(loss.kind, loss.topic, loss.what) for loss in reading.losses] == [
        ("truncated", "t", "offsets 9 to 19 of t partition 0 are in no file")
    ]
    (tmp_path / "all").write_text(json.dumps(line(77)) + "\n")
    assert read_records(str(tmp_path)).topics is None


def test_records_come_compressed_as_well(tmp_path):
    """The same stream as for spans."""
    path = tmp_path / "records"
    path.write_bytes(zstd(json.dumps(line(1)).encode()))
    assert read_records(str(path)).records == tuple(replace(record) for record in read(line(1)).records)


def test_a_record_without_a_value_is_no_tombstone():
    """A tombstone says null; where the field is missing, what it said was lost."""
    bare = line(2)
    del bare["value"]
    reading = read(line(1), bare)
    assert [record.offset for record in reading.records] == [1, 2]
    (loss,) = reading.losses
    assert (loss.kind, loss.where, loss.topic) == ("opaque_record", "standard input:2", "t")
    assert loss.what.startswith("its value is missing (null says that there is none), expected a JSON object")


def test_a_spans_document_over_many_lines_is_named():
    """As its form of one line is."""
    document = json.dumps(json.loads(json_lines(*RICH).split(b"\n")[0]), indent=2).encode()
    assert "this is a spans file: give it with --spans" in refused(document)
    assert refused(document).count("more") == 0


def test_a_record_over_many_lines_is_read():
    """What is one JSON value is one record, however it is printed."""
    (record,) = read(json.dumps(line(7), indent=2).encode()).records
    assert record.offset == 7
    pretty = json.dumps(line(7), indent=2).encode()
    assert len(read(b"{\n", line(1), line(2)).records) == 2
    assert "ends in the middle of a value, expected a whole one on each line" in refused(pretty, pretty)
