"""Which messages a service has handled: in its own database, in one transaction with what they changed.

A broker may deliver a message twice. Whether it was handled is a row that is committed with its effects, or not at
all; a cache in front of it (Redis, if there is one) saves the question, and is never believed when it says nothing.
"""

import logging
from collections.abc import Awaitable
from typing import Protocol

from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from examples.phase1.store import Store, Table, insert_once

log = logging.getLogger(__name__)
REMEMBERED_S = 24 * 3600


class HandledMessage(Table):
    """A message that was handled."""

    __tablename__ = "handled_messages"
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)


class AlreadyHandled(Exception):
    """Another replica handled the message in the meantime: nothing is to be done."""


class Cache(Protocol):
    """What is needed of Redis."""

    def exists(self, *names: str) -> Awaitable[int]:
        """Whether there is such a key."""

    def set(self, name: str, value: str, *, ex: int) -> Awaitable[object]:
        """Keeps a key for some seconds."""


class Inbox:
    """The memory of one service for messages."""

    def __init__(self, store: Store, *, service: str, cache: Cache | None = None) -> None:
        self._store = store
        self._service = service
        self._cache = cache

    async def knows(self, event_id: str) -> bool:
        """Whether the message was handled."""
        if await self._cached(event_id):
            return True
        async with self._store.transaction() as session:
            return await session.get(HandledMessage, event_id) is not None

    async def remember(self, session: AsyncSession, event_id: str) -> None:
        """Notes, in the transaction of its effects, that the message is handled; raises `AlreadyHandled`."""
        if not await insert_once(session, HandledMessage(event_id=event_id)):
            raise AlreadyHandled(event_id)

    async def committed(self, event_id: str) -> None:
        """Tells the cache; only ever after the commit."""
        if self._cache:
            try:
                await self._cache.set(self._key(event_id), "1", ex=REMEMBERED_S)
            except Exception as problem:  # it is only a cache
                log.warning("the cache is away: %r", problem)

    async def _cached(self, event_id: str) -> bool:
        if self._cache is None:
            return False
        try:
            return bool(await self._cache.exists(self._key(event_id)))
        except Exception as problem:
            log.warning("the cache is away: %r", problem)
            return False

    def _key(self, event_id: str) -> str:
        return f"{self._service}:{event_id}"
