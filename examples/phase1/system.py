"""The whole system: broker, services and driver, started, steered and stopped.

    async with System(folder=Path("out"), otlp="http://127.0.0.1:4318") as system:
        batch_id = await system.driver.register(2, "ENG5")

In: a folder for databases, texts and logs, and where spans go. Out: `driver` for what people do; and for what happens
to systems: clocks that are advanced, processes that die and come back, a broker that is away.
"""

import asyncio
import json
import os
import shlex
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

import aiohttp

from examples.phase1 import databases, kafka, processes, records, replay, telemetry, topics
from examples.phase1.contents import Contents
from examples.phase1.driver import Driver
from examples.phase1.events import Envelope
from examples.phase1.files import NAME as FILE_SERVICE
from examples.phase1.files import FileService
from examples.phase1.processes import Process
from examples.phase1.statuses import Status

SERVICES = {
    "cms": "class_management_service",  # first: the others are told where it answers
    "bos": "batch_orchestrator_service",
    "els": "essay_lifecycle_service",
    "nlp": "nlp_service",
}
STUCK_S = 2.0
STEP = timedelta(hours=1)
"""The clock is advanced so much at a time, with a cycle of the monitor in between: a good one isn't made late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How the system is put together.

    `kafka`, `database` and `redis` are real servers in place of the embedded broker, SQLite and no cache; if they are
    not said, the variables PHASE1_KAFKA (host:port), PHASE1_DATABASE (URL of a PostgreSQL server) and PHASE1_REDIS are.
    `kafka_switch` is how a real broker is stopped and started: a command with {} where `down` or `up` belongs
    (PHASE1_KAFKA_SWITCH).
    """

    folder: Path
    otlp: str | None = None
    spans: Path | None = None
    kafka: str | None = field(default_factory=partial(os.environ.get, "PHASE1_KAFKA"))
    kafka_switch: str | None = field(default_factory=partial(os.environ.get, "PHASE1_KAFKA_SWITCH"))
    database: str | None = field(default_factory=partial(os.environ.get, "PHASE1_DATABASE"))
    redis: str | None = field(default_factory=partial(os.environ.get, "PHASE1_REDIS"))
    replicas: int = 1
    own_spans: bool = True
    library_spans: bool = False
    faults: bool = False
    monitor_interval: timedelta = timedelta(hours=1)
    patience: timedelta = timedelta(seconds=5)


class System:
    """Everything, for as long as the `async with` lasts."""

    def __init__(self, **setup: Any) -> None:
        self.setup = Setup(**setup)
        self.driver: Driver
        self._closing = AsyncExitStack()
        self._services: dict[tuple[str, int], Process] = {}
        self._urls: dict[tuple[str, int], str] = {}
        self._faults: dict[str, str | None] = {}
        self._down: set[tuple[str, int]] = set()
        self._ahead = timedelta(0)
        self._since: records.Offsets = {}

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._closing.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    # ---- what happens to systems

    async def advance(self, by: timedelta) -> None:
        """Puts the business clock of every service forward, and waits for the monitor after each step."""
        while by > timedelta(0):
            step = min(by, STEP)
            asked = {"jump_id": str(uuid4()), "seconds": step.total_seconds()}
            self._ahead += step
            await self._everywhere("control/clock", asked)
            await self._monitored()
            by -= step

    async def flush(self) -> None:
        """Returns when every span that has ended is where spans go."""
        await asyncio.gather(self._everywhere("control/flush", {}), asyncio.to_thread(self._files.flush))

    async def kill(self, short: str, *, replica: int = 0) -> None:
        """A service dies, as a crash would have it."""
        self._down.add((short, replica))
        await self._services[short, replica].kill()

    async def stop(self, short: str, *, replica: int = 0) -> None:
        """A service is stopped in order."""
        self._down.add((short, replica))
        await self._services[short, replica].stop()

    def pids(self) -> dict[str, int]:
        """The process ids of the services by name and replica, such as `bos-0`."""
        return {f"{short}-{replica}": process.pid for (short, replica), process in self._services.items()}

    async def start(self, short: str, *, replica: int = 0) -> None:
        """A service comes (back), where it was, on the business time that it is."""
        port = self._urls.get((short, replica), ":0").rpartition(":")[2]
        log = self.setup.folder / "logs" / f"{short}-{replica}.log"
        process = Process(short, self._arguments(short, replica, port), log=log)
        self._services[short, replica] = process
        self._urls[short, replica] = json.loads(await process.start())["url"]
        self._down.discard((short, replica))
        if fault := self._faults.get(short):
            await self._post(f"{self._urls[short, replica]}/control/faults", {"name": fault})

    async def broker(self, command: Literal["down", "up"]) -> None:
        """An outage of the broker; of a real one only where the setup says how."""
        if self._broker is not None:
            answer = await self._broker.ask(command)
            assert answer == "done", answer
            return
        assert self.setup.kafka_switch, "nobody said how this broker is stopped and started: set PHASE1_KAFKA_SWITCH"
        await processes.run(shlex.split(self.setup.kafka_switch.format(command)))

    async def again(self, topic: str, batch_id: str, *, as_new: bool = False) -> int:
        """Every message of a batch on a topic comes once more, byte for byte or under a new `event_id`."""
        return await replay.again(self.bootstrap, self._producer, topic=topic, batch_id=batch_id, as_new=as_new)

    async def publish(self, topic: str, envelope: Envelope) -> None:
        """A message comes that nobody should have sent; returns when all that read it are done with it."""
        place = await replay.publish(self._producer, topic, envelope)
        for group in topics.READERS[topic]:
            await replay.passed(self.bootstrap, group=group, place=place)

    async def fault(self, short: str, name: str | None) -> None:
        """Switches one fault of a service on, or with None all of them off; it outlives the process."""
        self._faults[short] = name
        for (service, replica), url in self._urls.items():
            if service == short and (service, replica) not in self._down:
                await self._post(f"{url}/control/faults", {"name": name})

    async def records(self) -> Path:
        """A file with every record that was published since the start."""
        path = self.setup.folder / "records.jsonl"
        path.write_text(await records.read(self.bootstrap, since=self._since), encoding="utf-8")
        return path

    # ---- putting it together

    async def _open(self) -> None:
        kafka.quieten_logs()
        given = self.setup
        for folder in ("logs", "content"):
            (given.folder / folder).mkdir(parents=True, exist_ok=True)
        self.http = await self._closing.enter_async_context(aiohttp.ClientSession())
        await self._open_broker()
        self._databases = await databases.create(given.database, given.folder, tuple(SERVICES))
        self._closing.push_async_callback(databases.drop, given.database, self._databases)
        self._closing.push_async_callback(self._stop_services)
        for shorts in (("cms",), ("bos", "els", "nlp")):
            await asyncio.gather(*(self.start(s, replica=r) for s in shorts for r in range(given.replicas)))
        await self._open_driver()

    async def _open_broker(self) -> None:
        self._broker = None
        if self.setup.kafka:
            self.bootstrap = self.setup.kafka
            await kafka.create_topics(self.bootstrap, topics.ALL, partitions=topics.PARTITIONS)
            self._since = await records.ends(self.bootstrap)
            await asyncio.gather(*(kafka.skip(self.bootstrap, group=s, to=self._since) for s in SERVICES.values()))
            return
        self._broker = Process("broker", (), log=self.setup.folder / "logs" / "broker.log")
        self._closing.push_async_callback(self._broker.stop)
        self.bootstrap = await self._broker.start()

    async def _open_driver(self) -> None:
        given = self.setup
        self._files = telemetry.start(FILE_SERVICE, endpoint=given.otlp, folder=given.spans, own_spans=given.own_spans)
        self._closing.push_async_callback(asyncio.to_thread, self._files.stop)
        self._producer = kafka.producer(self.bootstrap)
        await kafka.started(self._producer)
        self._closing.push_async_callback(self._producer.stop)
        files = FileService(self._producer, Contents(given.folder / "content"), self._files.tracing)
        self.driver = Driver(self.http, files, bos=self._urls["bos", 0], cms=self._urls["cms", 0])

    def _arguments(self, short: str, replica: int, port: str) -> Sequence[str]:
        given = self.setup
        options: dict[str, object] = {
            "kafka": self.bootstrap,
            "database": self._databases[short],
            "redis": given.redis,
            "content": given.folder / "content",
            "cms": self._urls.get(("cms", 0)),
            "port": port,
            "replica": replica,
            "otlp": given.otlp,
            "spans": given.spans,
            "clock-ahead": self._ahead.total_seconds(),
            "monitor-interval": given.monitor_interval.total_seconds(),
            "patience": given.patience.total_seconds(),
        }
        switches = {
            "embedded": given.kafka is None,
            "no-own-spans": not given.own_spans,
            "library-spans": given.library_spans,
            "control": True,
            "faults": given.faults,
        }
        named = [f"--{name}={value}" for name, value in options.items() if value is not None]
        return named + [f"--{name}" for name, on in switches.items() if on]

    async def _stop_services(self) -> None:
        await asyncio.gather(*(process.stop() for process in self._services.values()))

    async def _monitored(self, *, patience_s: float = 30.0) -> None:
        """Returns when no cycle of the monitor is due any more, and what the last one confirmed is ready."""
        until = time.monotonic() + patience_s
        while (said := await self._monitor())["due"]:
            if time.monotonic() > until:
                raise TimeoutError(f"the timeout monitor has not run for {patience_s:g} s: {said}")
            await asyncio.sleep(0.01)
        for batch_id in said["confirmed"]:
            with suppress(TimeoutError):  # then it is stuck: the clock won't wait for it
                await self.driver.wait_for_status(batch_id, Status.READY, deadline_s=STUCK_S)

    async def _monitor(self) -> dict[str, Any]:
        async with self.http.get(f"{self._urls['cms', 0]}/v1/timeout-monitor") as answer:
            said: dict[str, Any] = await answer.json()
            return said

    async def _everywhere(self, path: str, asked: object) -> None:
        await asyncio.gather(*(self._post(f"{url}/{path}", asked) for url in self._urls.values()))

    async def _post(self, url: str, asked: object) -> None:
        async with self.http.post(url, json=asked) as answer:
            answer.raise_for_status()
