"""Real servers for the integration tests: Kafka, PostgreSQL, Redis and a collector of a stack of scripts.

In: a folder with `install`, `status`, `up` and `down`, each taking names of servers; `up` prints a name and where it
is. Out: the variables that the tests take servers from. What was not up before is taken down at the end.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVERS = ("kafka", "postgres", "redis")
COLLECTOR = "collector"


class NotStarted(Exception):
    """A script of the stack failed; with what it said."""


@contextmanager
def real_servers(stack: Path) -> Iterator[dict[str, str]]:
    """Installs and starts what isn't up, for as long as the block lasts; the variables for the tests.

    The collector is only installed: a test starts it with the project's own file. Raises `NotStarted`.
    """
    _call(stack / "install", *SERVERS, COLLECTOR)
    ours = [name for name in SERVERS if subprocess.run([stack / "status", name], capture_output=True).returncode]
    try:
        said = dict(line.split()[:2] for line in _call(stack / "up", *SERVERS).splitlines() if line.strip())
        yield {
            "PHASE1_KAFKA": said["kafka"],
            "PHASE1_KAFKA_SWITCH": f"{stack}/{{}} kafka",
            "PHASE1_DATABASE": f"postgresql+asyncpg://{said['postgres'].partition('://')[2].rpartition('/')[0]}",
            "PHASE1_REDIS": f"{said['redis']}",
            "PHASE1_COLLECTOR_SWITCH": f"{stack}/{{}} {COLLECTOR}",
        }
    finally:
        if ours:
            _call(stack / "down", *ours)


def _call(script: Path, *names: str) -> str:
    try:
        done = subprocess.run([script, *names], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as e:
        raise NotStarted(f"{script}: {e.strerror}; expected a folder with install, status, up and down") from e
    if done.returncode:
        raise NotStarted(f"{script} {' '.join(names)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
