"""What a service is told when it is started.

In: the command line; `--help` says it all. Out: `Options`.
"""

import argparse
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where a service finds the others, and what it does besides its business."""

    kafka: str
    embedded: bool
    database: str
    redis: str | None
    content: Path
    cms: str
    host: str
    port: int
    replica: str
    otlp: str | None
    spans: Path | None
    own_spans: bool
    library_spans: bool
    control: bool
    faults: bool
    clock_ahead: timedelta
    monitor_interval: timedelta
    patience: timedelta


def parse(service: str, arguments: list[str] | None = None) -> Options:
    """Reads the command line of a service."""
    parser = argparse.ArgumentParser(prog=service, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--kafka", required=True, metavar="HOST:PORT", help="the broker")
    add("--embedded", action="store_true", help="the broker is examples.phase1.broker")
    add("--database", required=True, metavar="URL", help="SQLAlchemy's, with an async driver")
    add("--redis", metavar="URL", help="a cache in front of the database")
    add("--content", type=Path, required=True, metavar="DIR", help="where the texts of essays lie")
    add("--cms", default="", metavar="URL", help="where class_management_service answers")
    add("--host", default="127.0.0.1", help="where HTTP listens")
    add("--port", type=int, default=0, help="of HTTP; 0: any that is free")
    add("--replica", default="0", help="the name of this one among its equals")
    add("--otlp", metavar="URL", help="where spans go, OTLP over HTTP")
    add("--spans", type=Path, metavar="DIR", help="a folder where spans go, too")
    add("--no-own-spans", dest="own_spans", action="store_false", help="leave only what the library's make")
    add("--library-spans", action="store_true", help="switch on opentelemetry-instrumentation-aiokafka")
    add("--control", action="store_true", help="flush and clock can be worked by HTTP")
    add("--faults", action="store_true", help="faults can be switched on by HTTP")
    add("--clock-ahead", type=_duration, default=timedelta(0), metavar="SECONDS", help="of the business clock")
    add("--monitor-interval", type=_duration, default=timedelta(hours=1), metavar="SECONDS", help="in business time")
    add("--patience", type=_duration, default=timedelta(seconds=5), metavar="SECONDS", help="for what must come first")
    return Options(**vars(parser.parse_args(arguments)))


def _duration(seconds: str) -> timedelta:
    return timedelta(seconds=float(seconds))
