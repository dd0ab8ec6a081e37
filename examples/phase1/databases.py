"""A database for each service: files of SQLite, or databases of a PostgreSQL server that are dropped again.

In: the server's URL, or None for files in a folder. Out: the URL of each service's database.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine


async def create(server: str | None, folder: Path, services: Sequence[str]) -> dict[str, str]:
    """Makes one for each service."""
    if server is None:
        return {service: f"sqlite+aiosqlite:///{folder.absolute() / service}.db" for service in services}
    run = uuid4().hex[:8]
    names = {service: f"phase1_{run}_{service}" for service in services}
    await _execute(server, [f'CREATE DATABASE "{name}"' for name in names.values()])
    return {s: make_url(server).set(database=name).render_as_string(hide_password=False) for s, name in names.items()}


async def drop(server: str | None, databases: Mapping[str, str]) -> None:
    """Drops them; files stay."""
    if server is not None:
        names = [make_url(url).database for url in databases.values()]
        await _execute(server, [f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names])


async def _execute(server: str, statements: Sequence[str]) -> None:
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await engine.dispose()
