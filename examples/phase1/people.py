"""People at a system that runs elsewhere, such as in containers: a guest's batch and one of a class, to their end.

In: where the broker and the services are. Out: a line for each batch, and exit code 1 if one did not get ready.
"""

import argparse
import asyncio
from pathlib import Path

import aiohttp

from examples.phase1 import kafka, telemetry
from examples.phase1.contents import Contents
from examples.phase1.driver import Driver
from examples.phase1.files import NAME, FileService
from examples.phase1.scenarios import ROSTER, SURE, UNSURE
from examples.phase1.statuses import Status

PATIENCE_S = 60.0


def main() -> int:
    """Does what people do, and says how it went."""
    parser = argparse.ArgumentParser(prog="python -m examples.phase1.people", description=main.__doc__)
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT", help="the broker")
    parser.add_argument("--content", required=True, type=Path, metavar="DIR", help="where the texts of essays lie")
    for short in ("bos", "cms", "els", "nlp"):
        parser.add_argument(f"--{short}", required=True, metavar="URL", help="where this service answers")
    parser.add_argument("--otlp", metavar="URL", help="where spans go, OTLP over HTTP")
    return asyncio.run(_run(parser.parse_args()))


async def _run(asked: argparse.Namespace) -> int:
    kafka.quieten_logs()
    spans = telemetry.start(NAME, endpoint=asked.otlp)
    producer = kafka.producer(asked.kafka)
    await kafka.started(producer)
    try:
        async with aiohttp.ClientSession() as http:
            files = FileService(producer, Contents(asked.content), spans.tracing)
            driver = Driver(http, files, bos=asked.bos, cms=asked.cms)
            statuses = [await _guest(driver), await _class(driver)]
            for url in (asked.bos, asked.cms, asked.els, asked.nlp):  # what they tell is there when this has ended
                async with http.post(f"{url}/control/flush", json={}) as answer:
                    answer.raise_for_status()
    finally:
        await producer.stop()
        await asyncio.to_thread(spans.stop)
    return int(any(status != Status.READY for status in statuses))


async def _guest(driver: Driver) -> str:
    batch_id = await driver.register(2, "SV2")
    await driver.upload(batch_id, [SURE, UNSURE])
    return await _ended(driver, "guest", batch_id)


async def _class(driver: Driver) -> str:
    class_id = await driver.create_class("ENG6", ROSTER)
    batch_id = await driver.register(2, "SV1", class_id=class_id)
    await driver.upload(batch_id, [SURE, UNSURE])
    await driver.wait_for_suggestions(batch_id, deadline_s=PATIENCE_S)
    await driver.confirm(batch_id)
    return await _ended(driver, "class", batch_id)


async def _ended(driver: Driver, whose: str, batch_id: str) -> str:
    await driver.wait_for_status(batch_id, Status.READY, deadline_s=PATIENCE_S)
    await driver.start_pipeline(batch_id)
    status = await driver.status(batch_id)
    print(f"{whose:6} {batch_id} {status}", flush=True)  # noqa: T201
    return status


if __name__ == "__main__":
    raise SystemExit(main())
