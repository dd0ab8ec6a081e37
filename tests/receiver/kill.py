"""`verifier receive` is killed at random moments under load: is every acknowledged span in its journal?

    python -m tests.receiver.kill --rounds 20

In: how often. Out: how many spans were acknowledged, and how many of them the journal lacks: none.
"""

import argparse
import itertools
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from tests.receiver.sending import post, protobuf, request
from verifier.sources import read_spans

SENDERS, SPANS = 4, 5
RUN = "from verifier.cli import main; raise SystemExit(main())"
LONGEST_S = 1.5


@dataclass(slots=True, kw_only=True)
class Load:
    """Senders that send until nobody answers, and what was acknowledged to them."""

    url: str
    numbers: "itertools.count[int]"
    acknowledged: set[int] = field(default_factory=set)

    def send(self) -> None:
        """One sender: half of its requests in protobuf."""
        for turn in itertools.count():
            mine = [next(self.numbers) for _ in range(SPANS)]
            body, kind = (protobuf(*mine), "x-protobuf") if turn % 2 else (request(*mine), "json")
            try:
                said = post(self.url, body, {"Content-Type": f"application/{kind}"})
            except (OSError, HTTPException):
                return
            if said.status == 200:
                self.acknowledged.update(mine)


def start(folder: Path) -> tuple["subprocess.Popen[str]", str]:
    """The command on free ports, and where it listens for HTTP."""
    words = [sys.executable, "-c", RUN, "receive", "--journal", str(folder), "--http", "0", "--grpc", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    return process, next(word for word in said.split() if word.startswith("http=")).removeprefix("http=")


def kill(folder: Path, rounds: int, chance: random.Random) -> tuple[int, list[str]]:
    """(how many spans were acknowledged, the names of those that the journal lacks)."""
    numbers = itertools.count()
    acknowledged: set[int] = set()
    for _ in range(rounds):
        process, url = start(folder)
        load = Load(url=url, numbers=numbers)
        senders = [threading.Thread(target=load.send) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(chance.uniform(0.05, LONGEST_S))
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        for sender in senders:
            sender.join()
        acknowledged |= load.acknowledged
    kept = {span.name for span in read_spans(str(folder)).spans}
    return len(acknowledged), sorted(name for n in acknowledged if (name := f"span {n}") not in kept)


def main(args: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(args)
    with tempfile.TemporaryDirectory() as folder:
        acknowledged, lacking = kill(Path(folder) / "journal", given.rounds, random.Random(given.seed))
    print(f"{given.rounds} kills, {acknowledged} spans acknowledged, {len(lacking)} of them lost")
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
