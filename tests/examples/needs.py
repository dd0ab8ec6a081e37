"""What the tests of the reference system need, and the line that installs it."""

from importlib.util import find_spec

import pytest

MODULES = ("aiohttp", "aiokafka", "aiosqlite", "confluent_kafka", "opentelemetry.sdk", "rapidfuzz", "sqlalchemy")
INSTALL = "pip install 'flow-verifier[phase1]'"


def needs_phase1() -> None:
    """Leaves a module of tests out if the extra isn't installed, and says so."""
    missing = [name for name in MODULES if not _is_there(name)]
    if missing:
        pytest.skip(f"no {', '.join(missing)}; to run it: {INSTALL}", allow_module_level=True)


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False
