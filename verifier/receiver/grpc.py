"""The gRPC door of a receiver: opentelemetry.proto.collector.trace.v1.TraceService/Export.

In: calls on loopback. Out: responses and status codes of the OTLP specification. Messages stay bytes: what they hold is
judged where HTTP's is.
"""

from typing import Any

import grpc

from verifier.receiver.answer import MOST_BYTES, busy
from verifier.receiver.http import MOST_CONNECTIONS
from verifier.receiver.intake import Intake

SERVICE, METHOD = "opentelemetry.proto.collector.trace.v1.TraceService", "Export"
CODES = {code.value[0]: code for code in grpc.StatusCode}


class Door:
    """Serves one port; `listen` says which."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._server: Any = None

    async def listen(self, host: str, port: int) -> int:
        """Begins to serve, and returns the port. OSError if it is taken."""
        options = [
            ("grpc.max_receive_message_length", MOST_BYTES),
            ("grpc.so_reuseport", 0),
            ("grpc.max_concurrent_streams", 64),
        ]
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MOST_CONNECTIONS)
        export = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: export}),))
        try:
            found = int(self._server.add_insecure_port(f"{host}:{port}"))
        except RuntimeError as problem:
            raise OSError(98, "Address already in use") from problem
        await self._server.start()
        return found

    async def close(self) -> None:
        """Ends: what is under way is answered, within a second."""
        if self._server is not None:
            await self._server.stop(1.0)

    async def _export(self, request: bytes, context: Any) -> bytes:
        if not self._intake.reserve(len(request)):
            answer = busy()
        else:
            try:
                answer = await self._intake.take(request, "protobuf")
            finally:
                self._intake.release(len(request))
        if not answer.good:
            await context.abort(CODES[answer.code], answer.why)
        return answer.body("protobuf")
