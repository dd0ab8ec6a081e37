"""A receiver that is killed, and one that is attacked: a few rounds of what the scripts beside this do more of."""

import random
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="receiving needs the extra; un-skip: pip install 'flow-verifier[receiver]'")
pytest.importorskip("grpc", reason="receiving needs the extra; un-skip: pip install 'flow-verifier[receiver]'")

from tests.receiver.hostile import attack
from tests.receiver.kill import kill

MOST_KIB = 600 << 10


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Two kills under load; `python -m tests.receiver.kill` has twenty."""
    acknowledged, lacking = kill(tmp_path / "journal", 2, random.Random(1))
    assert (acknowledged > 0, lacking) == (True, [])


def test_hostile_requests_harm_nobody_else(tmp_path: Path) -> None:
    """Eighty of them, a good span after each; `python -m tests.receiver.hostile` has a thousand."""
    sent, lost, peak = attack(tmp_path / "journal", 80)
    assert (sent >= 60, lost, peak < MOST_KIB) == (True, [], True)
