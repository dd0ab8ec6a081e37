"""verifier receive: keeps the spans that services send, in files that `check` reads."""

import signal
import threading
from pathlib import Path

import click

from verifier.commands import screen


@click.command(
    short_help="Receive spans over OTLP and keep them.",
    epilog="Example: verifier receive --journal spans   (then: verifier check phase1-regular --spans spans)",
)
@click.option(
    "--journal", required=True, metavar="DIR", help="Where spans are kept; made if it isn't there.", type=click.Path()
)
@click.option("--http", "http_port", default=4318, show_default=True, metavar="PORT", help="OTLP over HTTP; 0: any.")
@click.option("--grpc", "grpc_port", default=4317, show_default=True, metavar="PORT", help="OTLP over gRPC; 0: any.")
def receive(journal: str, http_port: int, grpc_port: int) -> int:
    """Receive spans over OTLP, on loopback, until it is stopped (Ctrl-C).

    A request is acknowledged when it is on the disk.
    """
    from verifier.receiver import Receiver

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    receiver = Receiver(journal=Path(journal), http_port=http_port, grpc_port=grpc_port)
    with receiver as endpoints:
        out = screen()
        out.write(f"receiving: http={endpoints.http} grpc={endpoints.grpc} journal={journal}\n")
        out.flush()
        stopped.wait()
    intake = receiver.intake
    out.write(f"stopped: {intake.requests} requests kept, {intake.refused} refused\n")
    return 0
