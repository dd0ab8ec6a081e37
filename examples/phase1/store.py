"""A service's database: SQLite by default, PostgreSQL by URL; one transaction per message.

In: a URL. Out: a `Store`, whose `transaction()` commits when its body ends and rolls back when it fails.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace
from sqlalchemy import DateTime, Dialect, TypeDecorator, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from examples.phase1.tracing import Said, note

WRITES_WAIT_S = 30
"""SQLite lets one transaction write at a time; the others wait so long for their turn."""


class Table(DeclarativeBase):
    """What all tables of a service derive from."""


class Moment(TypeDecorator[datetime]):
    """A time in UTC. SQLite forgets time zones; this remembers them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Only times that know their zone are stored."""
        assert value is None or value.tzinfo is not None, f"{value} has no time zone"
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What comes back is in UTC."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class Store:
    """The database of one service."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """All that its body writes, or nothing of it."""
        async with self._sessions() as session, session.begin():
            yield session

    async def create_tables(self) -> None:
        """Makes the tables that are missing. Replicas that start together take turns."""
        async with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
            await connection.run_sync(Table.metadata.create_all)

    async def close(self) -> None:
        """Gives the connections back."""
        await self.engine.dispose()


def on_commit(session: AsyncSession, do: Callable[[], None]) -> None:
    """Does something when the transaction has been committed, and never if it is rolled back."""
    event.listen(session.sync_session, "after_commit", lambda _: do(), once=True)


def noted(session: AsyncSession, name: str, attributes: Mapping[str, Said]) -> None:
    """Leaves an event on the current span when what it tells of is committed: a change rolled back is none.

    Its time is now: once it's committed another replica may act on it before this one hears of the commit.
    """
    span, now_ns = trace.get_current_span(), time.time_ns()
    on_commit(session, lambda: note(name, attributes, span=span, at_ns=now_ns))


async def insert_once(session: AsyncSession, row: Table) -> bool:
    """Inserts a row unless one with its primary key is there; says whether it did. Safe when two try at once."""
    table = type(row).__table__
    values = {c.name: getattr(row, c.name) for c in table.columns if getattr(row, c.name) is not None}
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    done = await session.execute(insert(type(row)).values(values).on_conflict_do_nothing())
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url)
    engine = create_async_engine(url, connect_args={"timeout": WRITES_WAIT_S})

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver shall not begin transactions: `began` does
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def began(connection: Any) -> None:
        # A transaction that reads first and writes later would fail if another one wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
