"""An OTLP receiver: takes spans over HTTP and gRPC on loopback and keeps them before it says so.

In: requests of exporters. Out: a journal, a folder of files that `check --spans` reads. Nothing is acknowledged that is
not on the disk; nothing that was refused for good is forgotten.

    exporter ─> http / grpc ─> answer: can it be read? ─> journal: written and synced ─> acknowledged
"""

from verifier.receiver.journal import Journal
from verifier.receiver.serve import Endpoints, Receiver

__all__ = ["Endpoints", "Journal", "Receiver"]
