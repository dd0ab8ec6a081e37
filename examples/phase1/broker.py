"""A Kafka broker without Java or containers: the mock cluster of librdkafka, which the confluent-kafka wheel brings.

In: `python -m examples.phase1.broker`, then lines on standard input: `down` and `up` are an outage (connections are
refused, data is kept); the end of the input ends it. Out: a line with its address, then one for each command.
It keeps everything in memory, the newest 5 MiB of each partition.
"""

import ctypes
import sys
from pathlib import Path

import confluent_kafka

from examples.phase1 import topics

PLACES = ("confluent_kafka.libs/librdkafka*.so*", "confluent_kafka/.dylibs/librdkafka*", "confluent_kafka.libs/*.dll")
PRODUCER = 0
THE_BROKER = 1


class MockCluster:
    """One broker, answering on a free port of this machine for as long as the process lives."""

    def __init__(self, names: tuple[str, ...], *, partitions: int) -> None:
        self._library = ctypes.CDLL(str(_library()))
        handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        why = ctypes.create_string_buffer(512)
        settings = self._call("conf_new", handle)
        client = self._call("new", handle, (number, PRODUCER), (handle, settings), (text, why), (ctypes.c_size_t, 512))
        if not client:
            raise RuntimeError(f"librdkafka gave no client: {why.value.decode()}")
        self._cluster = self._call("mock_cluster_new", handle, (handle, client), (number, 1))
        if not self._cluster:
            raise RuntimeError("librdkafka gave no mock cluster")
        # By default a new group waits three seconds for further members.
        self._of_cluster("mock_group_initial_rebalance_delay_ms", None, (ctypes.c_int32, 0))
        for name in names:
            self._check(
                self._of_cluster("mock_topic_create", number, (text, name.encode()), (number, partitions), (number, 1))
            )

    @property
    def bootstrap(self) -> str:
        """Where it answers: host:port."""
        address: bytes = self._of_cluster("mock_cluster_bootstraps", ctypes.c_char_p)
        return address.decode()

    def down(self) -> None:
        """Refuses connections."""
        self._check(self._of_cluster("mock_broker_set_down", ctypes.c_int, (ctypes.c_int32, THE_BROKER)))

    def up(self) -> None:
        """Answers again, with all that it had."""
        self._check(self._of_cluster("mock_broker_set_up", ctypes.c_int, (ctypes.c_int32, THE_BROKER)))

    def _of_cluster(self, name: str, result: type | None, *given: tuple[type, object]):  # type: ignore[no-untyped-def]
        return self._call(name, result, (ctypes.c_void_p, self._cluster), *given)

    def _call(self, name: str, result: type | None, *given: tuple[type, object]):  # type: ignore[no-untyped-def]
        try:
            function = getattr(self._library, f"rd_kafka_{name}")
        except AttributeError:
            raise RuntimeError(f"this librdkafka has no rd_kafka_{name}: its mock cluster is experimental") from None
        function.restype, function.argtypes = result, [kind for kind, _ in given]
        return function(*(value for _, value in given))

    def _check(self, code: int) -> None:
        if code:
            raise RuntimeError(f"librdkafka answered with error {code}")


def _library() -> Path:
    site = Path(confluent_kafka.__file__).parents[1]
    for place in PLACES:
        for found in sorted(site.glob(place)):
            return found
    raise RuntimeError(f"no librdkafka was found beside confluent-kafka in {site}")


def main() -> None:
    """Runs the broker until the input ends."""
    cluster = MockCluster(topics.ALL, partitions=topics.PARTITIONS)
    print(cluster.bootstrap, flush=True)  # noqa: T201  whoever started it waits for this line
    commands = {"down": cluster.down, "up": cluster.up}
    for line in sys.stdin:
        command = commands.get(line.strip())
        if command is None:
            print(f"no command {line.strip()!r}: say down or up", flush=True)  # noqa: T201
            continue
        command()
        print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
