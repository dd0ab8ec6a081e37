"""The compose files and the collector's, without a container engine: each service is started as its file says.

Its command and its environment are the file's; only the addresses are mapped to this machine.
"""

import asyncio
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

import verifier
from tests.examples.needs import needs_phase1
from verifier import Verdict
from verifier.receiver import Receiver

needs_phase1()

from examples.phase1 import databases, kafka, processes, records, topics  # noqa: E402  only where its extra is installed
from examples.phase1.processes import Process  # noqa: E402

ROOT = Path(__file__).parents[2]
COMPOSE = ("docker-compose.tracing.yml", "docker-compose.test.yml")
OURS = ("cms", "bos", "els", "nlp")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
Services = dict[str, dict[str, Any]]


def read(name: str) -> dict[str, Any]:
    """A compose file as the engine reads it: variables by their defaults, anchors resolved."""
    text = VARIABLE.sub(lambda found: found[2], (ROOT / name).read_text(encoding="utf-8"))
    said: dict[str, Any] = yaml.safe_load(text)
    return said


def services(name: str) -> Services:
    """Its services by name."""
    found: Services = read(name)["services"]
    return found


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_is_what_the_specification_allows(name: str) -> None:
    """By a parser that knows every key and every form of it."""
    compose_spec = pytest.importorskip("compose_spec", reason="to run it: pip install compose-spec")
    parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(read(name)))
    assert set(parsed.service_names()) == set(services(name))
    wrong = read(name)
    next(iter(wrong["services"].values()))["prots"] = ["1:1"]
    with pytest.raises(ValueError, match="prots"):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(wrong))


@pytest.mark.parametrize("name", COMPOSE)
def test_images_are_pinned_and_ports_are_this_machines(name: str) -> None:
    """No `latest`, and nothing that a neighbour can reach."""
    for service, said in services(name).items():
        if "build" not in said:
            assert re.search(r":\d+\.\d+\.\d+|:\d+\.\d+-", said["image"]), f"{service}: {said['image']}"
        assert all(port.startswith("127.0.0.1:") for port in said.get("ports", ())), service
        scratch = service in ("jaeger", "collector")  # images without a shell
        ends = service in ("topics", "people")
        assert scratch or ends or said["healthcheck"]["test"], f"{service} says nothing of its health"


def test_our_image_runs_as_nobody_and_holds_what_the_services_need() -> None:
    """What is copied is there, and is not kept out."""
    lines = (ROOT / "examples/phase1/Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert [name for name in copied if not (ROOT / name).exists() or f"!{name}" not in let_in] == []
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users
    assert users[-1] not in ("root", "0")


def test_each_service_has_a_database_of_its_own() -> None:
    """As the platform has them."""
    of = [arg for s in OURS for arg in services(COMPOSE[0])[s]["command"] if arg.startswith("--database")]
    assert len(set(of)) == len(OURS)


@pytest.mark.integration
def test_the_services_of_the_file_finish_two_batches(tmp_path: Path) -> None:
    """Started in the file's order, each when its health check says that those before it are well."""
    asyncio.run(asyncio.wait_for(_through(tmp_path), timeout=180))
    shapes = [verifier.load_shape(name) for name in ("phase1-regular", "phase1-guest")]
    report = verifier.check(shapes, spans=tmp_path / "spans", records=tmp_path / "records.jsonl")
    assert report.verdict is Verdict.SATISFIED, [flow.explain() for flow in report.flows]
    assert report.totals["flows"] == 2


async def _through(folder: Path) -> None:
    async with AsyncExitStack() as closing:
        place = await _Place.made(folder, closing)
        said = services(COMPOSE[0])
        before = {name: {d for d in said[name].get("depends_on", {}) if d in said} for name in said}
        for name in TopologicalSorter(before).static_order():
            if name in OURS:
                module, *arguments = place.mapped(name, said[name]["command"])
                process = Process(module.rpartition(".")[2], arguments, log=folder / f"{name}.log")
                closing.push_async_callback(process.stop)
                assert json.loads(await process.start())["ready"]
                await processes.run(place.mapped(name, said[name]["healthcheck"]["test"][1:]))
            elif name == "people" or (name == "topics" and place.real):  # the embedded broker makes them by itself
                await processes.run([sys.executable, "-m", *place.mapped(name, said[name]["command"])])
        published = await records.read(place.bootstrap, since=place.since)
        (folder / "records.jsonl").write_text(published, encoding="utf-8")


@dataclass(frozen=True)
class _Place:
    """This machine: where what the file names is here."""

    folder: Path
    otlp: str
    databases: Mapping[str, str]
    bootstrap: str
    real: bool
    since: records.Offsets
    ports: Mapping[str, int] = field(default_factory=lambda: {name: _free_port() for name in OURS})

    @classmethod
    async def made(cls, folder: Path, closing: AsyncExitStack) -> "_Place":
        (folder / "content").mkdir()
        otlp = closing.enter_context(_spans(folder))
        server = os.environ.get("PHASE1_DATABASE")
        urls = await databases.create(server, folder, OURS)
        closing.push_async_callback(databases.drop, server, urls)
        given = os.environ.get("PHASE1_KAFKA")
        if given is None:
            broker = Process("broker", (), log=folder / "broker.log")
            closing.push_async_callback(broker.stop)
            return cls(folder, otlp, urls, bootstrap=await broker.start(), real=False, since={})
        await kafka.create_topics(given, topics.ALL, partitions=topics.PARTITIONS)
        since = await records.ends(given)  # what was there before is not for these services
        for group in {reader for readers in topics.READERS.values() for reader in readers}:
            await kafka.skip(given, group=group, to=since)
        return cls(folder, otlp, urls, bootstrap=given, real=True, since=since)

    def mapped(self, name: str, command: list[str]) -> list[str]:
        """A command of the file with the addresses of this machine."""
        out = [arg for arg in map(self._arg, [name] * len(command), command) if arg]
        module = out[0] != "python" and out[0].startswith("examples.")
        return [*out, "--embedded"] if module and name in OURS and not self.real else out

    def _arg(self, name: str, arg: str) -> str:
        if arg == "python":
            return sys.executable
        if arg.startswith("--database="):
            assert f"@{name}-db:5432/" in arg, arg
            return f"--database={self.databases[name]}"
        if arg.startswith("--redis="):
            url = os.environ.get("PHASE1_REDIS")
            return f"--redis={url}" if url else ""
        for theirs, ours in (
            ("--host=0.0.0.0", "--host=127.0.0.1"),
            ("kafka:9092", self.bootstrap),
            ("http://collector:4318", self.otlp),
            ("=/content", f"={self.folder / 'content'}"),
            *((f"http://{other}:8080", f"http://127.0.0.1:{port}") for other, port in self.ports.items()),
        ):
            arg = arg.replace(theirs, ours)
        mine = self.ports.get(name)
        return arg if mine is None else re.sub(r"(--port=|127\.0\.0\.1:)8080\b", rf"\g<1>{mine}", arg)


@contextmanager
def _spans(folder: Path) -> Iterator[str]:
    """Where OTLP goes, so that it is in `folder / "spans"` afterwards: a real collector if one can be had."""
    switch = os.environ.get("PHASE1_COLLECTOR_SWITCH")
    if not switch:
        with Receiver(journal=folder / "spans") as endpoints:
            yield endpoints.http
        return
    its = services(COMPOSE[0])["collector"]["environment"]
    told = {"TRACES_FILE": folder / "spans" / "traces.jsonl", "COLLECTOR_HOST": "127.0.0.1"}
    nobody = f"127.0.0.1:{_free_port()}"  # the file has it all the same
    told["JAEGER_ENDPOINT"] = os.environ.get("PHASE1_JAEGER", nobody)  # host:port of OTLP over gRPC
    assert set(told) == set(its)
    env = os.environ | {"COLLECTOR_CONFIG": str(ROOT / "otel-collector.yaml")} | {k: str(v) for k, v in told.items()}
    subprocess.run(shlex.split(switch.format("up")), env=env, check=True, capture_output=True)
    try:
        yield "http://127.0.0.1:4318"
    finally:
        subprocess.run(shlex.split(switch.format("down")), env=env, check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port
