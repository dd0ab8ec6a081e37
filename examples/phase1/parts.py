"""What one process is made of, in one place: for what works it from outside."""

from dataclasses import dataclass

from examples.phase1.consumer import Consumer
from examples.phase1.runtime import Runtime, Service


@dataclass(frozen=True, slots=True)
class Parts:
    """The service, what it was given, and what hands it its messages."""

    service: Service
    runtime: Runtime
    consumer: Consumer
