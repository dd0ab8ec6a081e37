"""The recorded real batches are read to the last span and record."""

import json
from pathlib import Path

import pytest

from verifier.sources import read_records, read_spans

CAPTURES = Path(__file__).parents[1] / "data" / "huleedu"
SPANS = sorted(CAPTURES.rglob("*.otlp.jsonl"))
RECORDS = sorted(CAPTURES.rglob("*.events.jsonl"))


def test_the_captures_are_there():
    """Else the tests below would pass by not running."""
    assert (len(SPANS), len(RECORDS)) == (9, 9)


@pytest.mark.parametrize("path", SPANS, ids=lambda path: str(path.relative_to(CAPTURES)))
def test_spans_of_a_capture_are_read_completely(path):
    """As many spans as an independent count of the JSON finds, with the same ids, and nothing lost."""
    expected = {}
    for line in path.read_text().splitlines():
        for group in json.loads(line)["resourceSpans"]:
            names = {pair["key"]: pair["value"] for pair in group["resource"]["attributes"]}
            for scope in group["scopeSpans"]:
                for span in scope["spans"]:
                    expected[span["traceId"], span["spanId"]] = (
                        names["service.name"]["stringValue"],
                        names["service.instance.id"]["stringValue"],
                        span["name"],
                        int(span["startTimeUnixNano"]),
                        len(span.get("attributes", ())),
                        len(span.get("events", ())),
                    )
    reading = read_spans(str(path))
    assert reading.losses == ()
    assert len(reading.spans) == len(expected)
    assert {
        span.id: (span.service, span.instance, span.name, span.start_ns, len(span.attributes), len(span.events))
        for span in reading.spans
    } == expected


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: str(path.relative_to(CAPTURES)))
def test_records_of_a_capture_are_read_completely(path):
    """As many records as lines, each published before it was seen, and nothing lost."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    reading = read_records(str(path))
    assert (reading.losses, reading.topics) == ((), None)
    assert [record.id for record in reading.records] == sorted((e["topic"], e["partition"], e["offset"]) for e in lines)
    assert {record.value["event_id"] for record in reading.records} == {e["value"]["event_id"] for e in lines}
    assert all(record.made_ns is not None and 0 < record.made_ns <= record.seen_ns for record in reading.records)


def test_the_folder_of_all_captures_is_one_reading():
    """Spans and records lie side by side there: each reading takes its own and counts the rest."""
    spans, records = read_spans(str(CAPTURES)), read_records(str(CAPTURES))
    assert len(spans.spans) == sum(len(read_spans(str(path)).spans) for path in SPANS)
    assert len(records.records) == 645
    assert {loss.kind for loss in spans.losses + records.losses} == {"skipped_file"}
    skipped = {loss.where for loss in spans.losses}
    assert {str(path) for path in RECORDS} <= skipped
    assert not {str(path) for path in SPANS} & skipped
