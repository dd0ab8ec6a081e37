"""Kafka records from a broker: `kafka://host:9092/orders.*,payments`.

In: a URL: one or several brokers, then the topics as globs. Out: a `Shelf` like that of a file, and why the reading
broke off. It joins no group and commits nothing, so no service notices. Each partition is read from its first offset
to where it ends when the reading begins; what the broker has deleted by then, or still holds back, is a loss.
"""

import asyncio
import contextlib
import difflib
import fnmatch
import inspect
import logging
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from verifier.errors import SourceError
from verifier.sources.records_file import Shelf, put
from verifier.sources.stream import Progress
from verifier.spans import Behind, Loss
from verifier.wording import count

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
WAITS_NS = 120 * 10**9
"""So long a record may wait in its producer, by its time, until it is appended (Kafka's `delivery.timeout.ms`)."""
MANY = 100
"""One of so many records at least has the time at which it was sent."""
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/,@\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to read: `host:port,…`, and the globs of the topics."""

    brokers: str
    topics: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Log:
    """The offsets of each partition: the first that is there, after the last, how far it was read, holes in it."""

    first: "Mapping[TopicPartition, int]"
    after: "Mapping[TopicPartition, int]"
    held: "Mapping[TopicPartition, int]"
    reached: "dict[TopicPartition, int]"
    holes: "dict[TopicPartition, int]" = field(default_factory=lambda: defaultdict(int))


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
            published = await _published(address, places)
            after = await asyncio.wait_for(client.end_offsets(places), CONNECT_S)  # later: what it lacks is held back
        except Exception as problem:
            raise SourceError(f"{url}: the broker doesn't say which offsets it has: {_said(problem)}") from None
        held = {place: published[place] - after[place] for place in places if published[place] > after[place]}
        log = Log(first=first, after=after, held=held, reached=dict(first))
        try:
            await _records(client, log, taken, progress)
        except Exception as problem:
            lacking = sum(after[place] - log.reached[place] for place in places)
            taken.failed = f"the broker stopped answering with {lacking} offsets to go: {_said(problem)}"
        compacted = {topic: await _compacted(admin, topic) for topic in sorted({place.topic for place in log.holes})}
        _tell(taken, address.topics, log, compacted)
        taken.behind = await _behind(admin, taken)
        return taken


async def _published(address: Address, places: "Sequence[TopicPartition]") -> "Mapping[TopicPartition, int]":
    """Where the partitions end, with what transactions that are open hold back."""
    from aiokafka import AIOKafkaConsumer

    client = AIOKafkaConsumer(
        bootstrap_servers=address.brokers, group_id=None, request_timeout_ms=int(CONNECT_S * 1000)
    )
    try:
        async with asyncio.timeout(CONNECT_S):
            await client.start()
            client.assign(places)
            return cast("Mapping[TopicPartition, int]", await client.end_offsets(places))
    finally:
        await client.stop()


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


async def _records(client: "AIOKafkaConsumer", log: Log, taken: Taken, progress: Progress | None) -> None:
    """Every record up to `after`, which is where each partition ended when it was asked."""
    for place, offset in log.first.items():
        client.seek(place, offset)
    # Whoever traces this process's use of aiokafka has wrapped it: our reading must not become spans of a flow.
    getmany = inspect.unwrap(type(client).getmany)
    done, moved = 0, time.monotonic()
    while lacking := [place for place in log.first if log.reached[place] < log.after[place]]:
        some = await asyncio.wait_for(getmany(client, *lacking, timeout_ms=200), STALL_S)
        for place, records in some.items():
            for record in records:
                if record.offset < log.after[place]:
                    done += len(record.value or b"")
                    _put(record, taken.shelf)
                    _pass(log, place, record.offset)
                    log.reached[place], moved = record.offset + 1, time.monotonic()
        for place in lacking:  # not by records: what was compacted away, or a transaction's end, is an offset too
            position = min(await client.position(place), log.after[place])
            if position > log.reached[place]:
                _pass(log, place, position)
                moved = time.monotonic()
        if progress is not None:
            progress(taken.shelf.file, done, None)
        if time.monotonic() - moved > STALL_S:
            raise TimeoutError(f"nothing came for {STALL_S:.0f} s, is a transaction open?")


def _pass(log: Log, place: "TopicPartition", offset: int) -> None:
    """Goes on to an offset; what lies before it holds no record."""
    if offset > log.reached[place]:
        log.holes[place] += offset - log.reached[place]
        log.reached[place] = offset


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
        fields["timestamp_type"] = "LogAppendTime" if record.timestamp_type else "CreateTime"
    else:  # of before Kafka 0.10: it was there when it was read
        fields["seen_unix"] = time.time()
    put(fields, record.value or b"", shelf, place=f"{record.topic} {record.partition}:{record.offset}")


def _text(data: bytes | None) -> str | None:
    return data.decode(errors="backslashreplace") if data is not None else None


async def _compacted(admin: "AIOKafkaAdminClient", topic: str) -> bool | None:
    """Whether only the newest record of a key is kept; None if the broker doesn't say."""
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    policy = "cleanup.policy"
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CONNECT_S):
            asked = ConfigResource(ConfigResourceType.TOPIC, topic, {policy: None})
            for answer in await admin.describe_configs([asked]):
                for code, _, _, _, settings in answer.resources:
                    for setting in settings if code == 0 else ():
                        if setting[0] == policy:
                            return "compact" in str(setting[1])
    return None


def _tell(taken: Taken, globs: Sequence[str], log: Log, compacted: Mapping[str, bool | None]) -> None:
    """Which offsets were read, of every topic that a glob means, and what can't be had of them."""
    topics: dict[str, dict[int, tuple[int, int]]] = {glob: {} for glob in globs}
    oldest: dict[tuple[str, int], list[int]] = defaultdict(list)
    for record in sorted(taken.shelf.records, key=lambda r: r.offset):
        times = oldest[record.topic, record.partition]
        if len(times) < MANY:
            times.append(record.seen_ns + WAITS_NS)

    def lost(kind: str, place: "TopicPartition", offsets: int, what: str, until_ns: int | None = None) -> None:
        what = f"{what} of {place.topic} partition {place.partition}"
        where, topic = taken.shelf.file, place.topic
        taken.gone.append(Loss(kind=kind, where=where, count=offsets, what=what, topic=topic, until_ns=until_ns))

    for place, offset in log.first.items():
        topics.setdefault(place.topic, {})[place.partition] = (offset, log.reached[place])
        if offset > 0:
            until_ns = max(oldest[place.topic, place.partition], default=None)
            lost("deleted_records", place, offset, f"the broker no longer has offsets 0 to {offset - 1}", until_ns)
        # Where records are not compacted away, holes are the ends of transactions, and what was taken back.
        if (holes := log.holes.get(place)) and (why := compacted[place.topic]) is not False:
            may = "the topic is compacted" if why else "the broker doesn't say whether the topic is compacted"
            lost("deleted_records", place, holes, f"{may}: the broker has no record for {count(holes, 'offset')}")
        if held := log.held.get(place):
            lost("open_transaction", place, held, f"an open transaction holds back {count(held, 'offset')}")
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
