"""Kafka records from a broker: `kafka://host:9092/orders.*,payments`.

In: a URL: one or several brokers, then the topics as globs. Out: a `Shelf` like that of a file, and why the reading
broke off. It joins no group and commits nothing, so no service notices. Each partition is read from its first offset
to where it ends when the reading begins; what the broker has deleted by then is a loss.
"""

import asyncio
import contextlib
import difflib
import fnmatch
import logging
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from verifier.errors import SourceError
from verifier.sources.records_file import Shelf, put
from verifier.sources.stream import Progress
from verifier.spans import Behind, Loss

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

SCHEME = "kafka://"
EXPECTED = "expected kafka://HOST:PORT/TOPIC, e.g. kafka://127.0.0.1:9092/orders.*"
NEEDED = "reading from Kafka needs the extra: pip install 'flow-verifier[kafka]'"
PORT = 9092
CONNECT_S = 15.0
"""So long a broker may take to answer at first."""
STALL_S = 15.0
"""So long nothing may come while something is still to be read."""
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/,@\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to read: `host:port,…`, and the globs of the topics."""

    brokers: str
    topics: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Taken:
    """What was read: records with their offsets, what is gone, and why it broke off (None: it didn't)."""

    shelf: Shelf
    gone: list[Loss] = field(default_factory=list)
    behind: tuple[Behind, ...] = ()
    failed: str | None = None


def read(url: str, *, progress: Progress | None = None) -> Taken:
    """Everything that the broker has of the topics; SourceError if it can't be asked at all."""
    address = parse(url)
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what it has to say is in the error
    return _run(_read(url, address, progress))


def parse(url: str) -> Address:
    """The parts of a URL; SourceError if it is none."""
    brokers, slash, topics = url.removeprefix(SCHEME).partition("/")
    places = []
    for place in brokers.split(","):
        found = _PLACE.fullmatch(place)
        if found is None or int(found["port"] or PORT) not in range(1, 65536):
            raise SourceError(f"{url}: '{place}' is no broker's HOST:PORT, {EXPECTED}")
        places.append(f"{found['host']}:{found['port'] or PORT}")
    globs = tuple(glob for glob in topics.split(",") if glob)
    if not slash or not globs:
        raise SourceError(f"{url}: no topic is named, {EXPECTED} (* stands for any letters; several with commas)")
    return Address(brokers=",".join(places), topics=globs)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs it to its end, also for a caller who is inside an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, work).result()


async def _read(url: str, address: Address, progress: Progress | None) -> Taken:
    async with _connected(url, address) as (client, admin, partitions):
        from aiokafka import TopicPartition

        places = [TopicPartition(topic, n) for topic, some in sorted(partitions.items()) for n in some]
        taken = Taken(shelf=Shelf(file=url))
        client.assign(places)
        try:
            first = await asyncio.wait_for(client.beginning_offsets(places), CONNECT_S)
            after = await asyncio.wait_for(client.end_offsets(places), CONNECT_S)
        except Exception as problem:
            raise SourceError(f"{url}: the broker doesn't say which offsets it has: {_said(problem)}") from None
        reached = dict(first)
        try:
            await _records(client, first, after, reached, taken, progress)
        except Exception as problem:
            lacking = sum(after[place] - reached[place] for place in places)
            taken.failed = f"the broker stopped answering with {lacking} offsets to go: {_said(problem)}"
        _tell(taken, address.topics, first, reached)
        taken.behind = await _behind(admin, taken)
        return taken


@contextlib.asynccontextmanager
async def _connected(
    url: str, address: Address
) -> "AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaAdminClient, Mapping[str, Sequence[int]]]]":
    """Clients that are connected, and the partitions of the topics that are wanted."""
    try:
        from aiokafka import AIOKafkaConsumer
        from aiokafka.admin import AIOKafkaAdminClient
    except ImportError:
        raise SourceError(f"{url}: {NEEDED}") from None
    admin = AIOKafkaAdminClient(bootstrap_servers=address.brokers, request_timeout_ms=int(CONNECT_S * 1000))
    client = AIOKafkaConsumer(
        bootstrap_servers=address.brokers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=20,
        request_timeout_ms=int(CONNECT_S * 1000),
    )
    try:
        try:
            async with asyncio.timeout(CONNECT_S):
                await admin.start()
                there = await admin.list_topics()
                wanted = _wanted(url, address.topics, there)
                told = await admin.describe_topics(wanted)
                await client.start()
        except SourceError:
            raise
        except Exception as problem:  # not Kafka, nobody, or one that refuses: the client raises all sorts of errors
            raise SourceError(
                f"{url}: no Kafka broker answers at {address.brokers}: {_said(problem)}; "
                "is it running there, and is this its port for clients without TLS?"
            ) from None
        yield client, admin, {t["topic"]: sorted(p["partition"] for p in t["partitions"]) for t in told}
    finally:
        for close in (client.stop, admin.close):
            with contextlib.suppress(Exception, asyncio.CancelledError):  # without a broker, stop() ends so
                await asyncio.wait_for(close(), CONNECT_S)


def _wanted(url: str, globs: Sequence[str], there: Sequence[str]) -> list[str]:
    """The topics that are meant; each glob must mean one at least. Kafka's own (`__…`) only if it says so."""
    found: dict[str, None] = {}
    for glob in globs:
        mine = [
            t for t in sorted(there) if fnmatch.fnmatchcase(t, glob) and t.startswith("__") <= glob.startswith("__")
        ]
        if not mine:
            open_to_all = sorted(t for t in there if not t.startswith("__"))
            near = difflib.get_close_matches(glob, open_to_all, n=3, cutoff=0.5) or open_to_all[:5]
            has = (
                f"it has {', '.join(near)}" + (", …" if len(near) < len(open_to_all) else "") if near else "it has none"
            )
            raise SourceError(f"{url}: the broker has no topic '{glob}'; {has}")
        found |= dict.fromkeys(mine)
    return list(found)


async def _records(
    client: "AIOKafkaConsumer",
    first: "Mapping[TopicPartition, int]",
    after: "Mapping[TopicPartition, int]",
    reached: "dict[TopicPartition, int]",
    taken: Taken,
    progress: Progress | None,
) -> None:
    """Every record up to `after`, which is where each partition ended when it was asked."""
    for place, offset in first.items():
        client.seek(place, offset)
    done, moved = 0, time.monotonic()
    while lacking := [place for place in first if reached[place] < after[place]]:
        some = await asyncio.wait_for(client.getmany(*lacking, timeout_ms=200), STALL_S)
        for place, records in some.items():
            for record in records:
                if record.offset < after[place]:
                    done += len(record.value or b"")
                    _put(record, taken.shelf)
        for place in lacking:  # not by records: what was compacted away, or a transaction's end, is an offset too
            position = min(await client.position(place), after[place])
            if position > reached[place]:
                reached[place], moved = position, time.monotonic()
        if progress is not None:
            progress(taken.shelf.file, done, None)
        if time.monotonic() - moved > STALL_S:
            raise TimeoutError(f"nothing came for {STALL_S:.0f} s, is a transaction open?")


def _put(record: "ConsumerRecord", shelf: Shelf) -> None:
    """A record as a line of a records file would say it."""
    fields: dict[str, object] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "value": _text(record.value),
    }
    if record.timestamp > 0:
        fields["timestamp_ms"] = record.timestamp
    else:  # of before Kafka 0.10: it was there when it was read
        fields["seen_unix"] = time.time()
    put(fields, record.value or b"", shelf, place=f"{record.topic} {record.partition}:{record.offset}")


def _text(data: bytes | None) -> str | None:
    return data.decode(errors="backslashreplace") if data is not None else None


def _tell(
    taken: Taken, globs: Sequence[str], first: "Mapping[TopicPartition, int]", reached: "Mapping[TopicPartition, int]"
) -> None:
    """Which offsets were read, of every topic that a glob means, and which were gone before."""
    topics: dict[str, dict[int, tuple[int, int]]] = {glob: {} for glob in globs}
    oldest: dict[tuple[str, int], int] = {}
    for record in taken.shelf.records:
        place = (record.topic, record.partition)
        oldest[place] = min(oldest.get(place, record.seen_ns), record.seen_ns)
    for place, offset in first.items():
        topics.setdefault(place.topic, {})[place.partition] = (offset, reached[place])
        if offset > 0:
            gone = f"offsets 0 to {offset - 1} of {place.topic} partition {place.partition}"
            taken.gone.append(
                Loss(
                    kind="deleted_records",
                    where=taken.shelf.file,
                    count=offset,
                    what=f"the broker no longer has {gone}",
                    topic=place.topic,
                    until_ns=oldest.get((place.topic, place.partition)),
                )
            )
    taken.shelf.topics = topics


async def _behind(admin: "AIOKafkaAdminClient", taken: Taken) -> tuple[Behind, ...]:
    """Which groups have not passed records that were read; nothing from a broker that doesn't tell of groups."""
    out = []
    offsets = defaultdict(list)
    for record in taken.shelf.records:
        offsets[record.topic, record.partition].append(record.offset)
    with contextlib.suppress(Exception):  # it is told if it can be: no verdict rests on it
        async with asyncio.timeout(CONNECT_S):
            for group in sorted({name for name, *_ in await admin.list_consumer_groups()}):
                committed = await admin.list_consumer_group_offsets(group)
                for place, upto in sorted(committed.items()):
                    left = tuple(n for n in offsets[place.topic, place.partition] if n >= upto.offset >= 0)
                    if left:
                        out.append(Behind(group=group, topic=place.topic, partition=place.partition, offsets=left))
    return tuple(out)


def _said(problem: Exception) -> str:
    """What an error says, in one line; its name if it says nothing."""
    if isinstance(problem, TimeoutError) and not str(problem):
        return "it took too long"
    return " ".join(str(problem).split()) or type(problem).__name__
