"""The transactional outbox: a message is a row, written with the change that it tells of; a relay sends it later.

So a change is never without its message, nor a message without its change, whatever dies in between. A message may be
sent twice (the relay can't know whether a failed send arrived), with the same `event_id`: readers must expect that.
The context in which a row was written is kept in it, and the relay sends in that context.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

from sqlalchemy import JSON, Float, String, Text, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from examples.phase1 import tracing
from examples.phase1.events import Data, Envelope
from examples.phase1.store import Store, Table, noted, on_commit
from examples.phase1.tracing import Tracing

log = logging.getLogger(__name__)
AT_ONCE = 50
CLAIM_S = 60.0
"""So long a row belongs to the relay that claimed it; then another replica may take it."""
IDLE_S = 0.5
RETRY_S = 0.5


class OutboxRow(Table):
    """One message to be sent; `sent_at` is None until it was."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    topic: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(64))
    envelope: Mapped[str] = mapped_column(Text)
    context: Mapped[dict[str, str]] = mapped_column(JSON)
    claimed_by: Mapped[str | None] = mapped_column(String(100))
    claimed_until: Mapped[float | None] = mapped_column(Float)
    sent_at: Mapped[float | None] = mapped_column(Float, index=True)


class Outbox:
    """Where a service leaves its messages; `committed` is called when some of them are there to stay."""

    def __init__(self, service: str, *, committed: Callable[[], None]) -> None:
        self._service = service
        self._committed = committed

    def enqueue(self, session: AsyncSession, topic: str, data: Data, *, key: str, correlation_id: str) -> Envelope:
        """Writes the message in the caller's transaction."""
        envelope = Envelope(
            event_type=topic,
            source_service=self._service,
            correlation_id=correlation_id,
            data=data.model_dump(mode="json"),
        )
        row = OutboxRow(topic=topic, key=key, envelope=envelope.model_dump_json(), context=tracing.stored())
        session.add(row)
        noted(session, "outbox.enqueue", {"event_type": topic, "event_id": envelope.event_id})
        on_commit(session, self._committed)
        return envelope


Send = Callable[[str, Envelope, str], Awaitable[None]]


class Relay:
    """Sends what is in the outbox, in the order it was written. `name` is the replica's: what it claimed is its own."""

    def __init__(self, store: Store, send: Send, *, tracing: Tracing, name: str = "") -> None:
        self._store = store
        self._send = send
        self._tracing = tracing
        self._name = name or str(uuid4())
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until it is cancelled."""
        while True:
            self._wake.clear()
            if await self.drain():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), timeout=IDLE_S)
            else:
                await asyncio.sleep(RETRY_S)

    async def drain(self) -> bool:
        """Sends all that is there; False if something failed: it is still there."""
        try:
            while rows := await self._claim():
                for row in rows:
                    with self._tracing.resumed(row.context):
                        await self._send(row.topic, Envelope.model_validate_json(row.envelope), row.key)
                    await self._sent(row)
        except Exception as problem:
            log.warning("outbox: could not send, will try again: %s", problem)
            return False
        return True

    async def _claim(self) -> list[OutboxRow]:
        """The oldest rows that nobody else has claimed; no lock is held while they are sent."""
        now = time.time()
        free = or_(OutboxRow.claimed_by.is_(None), OutboxRow.claimed_by == self._name, OutboxRow.claimed_until < now)
        oldest = select(OutboxRow.id).where(OutboxRow.sent_at.is_(None), free).order_by(OutboxRow.id).limit(AT_ONCE)
        claim = (
            update(OutboxRow)
            .where(OutboxRow.id.in_(oldest.with_for_update(skip_locked=True).scalar_subquery()))
            .values(claimed_by=self._name, claimed_until=now + CLAIM_S)
            .returning(OutboxRow)
        )
        async with self._store.transaction() as session:
            rows = (await session.scalars(claim)).all()
        return sorted(rows, key=lambda row: row.id)

    async def _sent(self, row: OutboxRow) -> None:
        async with self._store.transaction() as session:
            await session.execute(update(OutboxRow).where(OutboxRow.id == row.id).values(sent_at=time.time()))
