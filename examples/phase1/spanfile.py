"""Spans into a file, one OTLP request as JSON per line: what the collector's file exporter writes.

For looking at a run without a receiver: `verifier check SHAPE --spans FOLDER` reads it.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

IDS = ("traceId", "spanId", "parentSpanId")


class SpanFile(SpanExporter):
    """An exporter that appends to a file; one file per process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Writes one line and makes sure that others see it."""
        request = MessageToDict(encode_spans(spans))
        self._file.write(json.dumps(_hex(request), separators=(",", ":")) + "\n")
        self._file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Closes the file."""
        self._file.close()


def _hex(value: Any) -> Any:
    """Protobuf's JSON has bytes as base64; OTLP wants ids in hexadecimal."""
    if isinstance(value, dict):
        return {k: base64.b64decode(v).hex() if k in IDS else _hex(v) for k, v in value.items()}
    return [_hex(inner) for inner in value] if isinstance(value, list) else value
