"""Spans and records from where they lie.

In: what the user typed: a file, a folder, or - (standard input). Out: a `Reading`: rows sorted and each id once,
and a loss for whatever could not be read. What cannot be read at all is a `SourceError` with a full sentence.
`merge` makes one of several readings.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal

from verifier.errors import SourceError
from verifier.sources import file, records_file
from verifier.sources.merge import distinct_records, distinct_spans, merge
from verifier.sources.places import visit
from verifier.sources.sniff import HEAD, binary, telemetry
from verifier.sources.stream import Meter, Progress, Stream
from verifier.sources.tally import Tally
from verifier.spans import Reading, Record, Span

KAFKA = "kafka://"
__all__ = ["Progress", "holds", "merge", "read_records", "read_spans"]


def read_spans(url: str, *, progress: Progress | None = None, stdin: BinaryIO | None = None) -> Reading:
    """Reads the spans of a file, a folder or standard input.

    OTLP as JSON lines, a JSON document or protobuf, plain or compressed with gzip or zstd: the content decides.
    `progress(url, bytes done, bytes in all or None)` is called about every 256 KiB. Raises `SourceError`.

        reading = read_spans("run.otlp.jsonl")
        reading.spans, reading.losses, reading.failed
    """
    tally = Tally()
    spans: list[Span] = []

    def take(source: Stream) -> None:
        basket = file.read(source)
        spans.extend(basket.spans)
        tally.extend(basket.tally.losses())

    with _collector_paused():
        failed = visit(url, take, wanted="spans", tally=tally, progress=progress, stdin=stdin)
        once = distinct_spans([(url, spans)], tally)
    return Reading(url=url, spans=once, losses=tally.losses(), failed=failed)


def read_records(url: str, *, progress: Progress | None = None, stdin: BinaryIO | None = None) -> Reading:
    """Reads the Kafka records of a file, a folder or standard input: one JSON object per line; or of a broker.

    A first line `{"topics": …}` says which offsets were read; without it the file speaks of every topic. Of a broker,
    `kafka://HOST:PORT/TOPIC` (extra `kafka`), all that it has of the topics is read, up to where they end now.
    `progress` and errors are those of `read_spans`.
    """
    if url.startswith(KAFKA):
        return _from_broker(url, progress)
    tally = Tally()
    records: list[Record] = []
    topics: list[records_file.Topics | None] = []

    def take(source: Stream) -> None:
        shelf = records_file.read(source)
        records.extend(shelf.records)
        tally.extend(shelf.tally.losses())
        topics.append(shelf.topics)

    with _collector_paused():
        failed = visit(url, take, wanted="records", tally=tally, progress=progress, stdin=stdin)
        spoken = records_file.joined(topics, tally, url)
        once = distinct_records([(url, records)], tally)
    return Reading(url=url, records=once, losses=tally.losses(), topics=spoken, failed=failed)


def _from_broker(url: str, progress: Progress | None) -> Reading:
    from verifier.sources import kafka

    with _collector_paused():
        taken = kafka.read(url, progress=progress)
        once = distinct_records([(url, taken.shelf.records)], taken.shelf.tally)
    taken.shelf.tally.extend(taken.gone)
    losses = taken.shelf.tally.losses()
    topics = taken.shelf.topics
    return Reading(url=url, records=once, losses=losses, topics=topics, behind=taken.behind, failed=taken.failed)


def holds(path: str) -> Literal["spans", "records"] | None:
    """What a file looks like by its first bytes; None if it looks like neither, or is no file that can be read."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb", buffering=0) as raw:
            head = Stream(raw, path, Meter(path, None, None)).peek(HEAD)
    except (OSError, SourceError):
        return None
    return "spans" if binary(head) else telemetry(head)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Rows hold no cycles, but the cycle collector would walk over all of them again and again: a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
