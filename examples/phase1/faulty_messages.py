"""Faults of messages: what they say of the batch, and whether they are sent at all.

Each function breaks the parts of one process until its patch is undone.
"""

from typing import Any
from uuid import uuid4

from sqlalchemy import select

from examples.phase1.associations import Course
from examples.phase1.breaking import Break, Patch
from examples.phase1.parts import Parts


def says(topic: str, **changes: object) -> Break:
    """Messages of a topic say something else than they should."""

    def break_it(parts: Parts, patch: Patch) -> None:
        enqueue = parts.runtime.outbox.enqueue

        def changed(session: Any, to: str, data: Any, **rest: Any) -> Any:
            return enqueue(session, to, data.model_copy(update=changes) if to == topic else data, **rest)

        patch(parts.runtime.outbox, "enqueue", changed)

    return break_it


def drops(topic: str) -> Break:
    """The change is stored, its message is not: two transactions, and something died in between."""

    def break_it(parts: Parts, patch: Patch) -> None:
        enqueue = parts.runtime.outbox.enqueue

        def lost(session: Any, to: str, data: Any, **rest: Any) -> Any:
            return None if to == topic else enqueue(session, to, data, **rest)

        patch(parts.runtime.outbox, "enqueue", lost)

    return break_it


def doubles(topic: str, **changes: object) -> Break:
    """Two messages tell of one change, and not the same."""

    def break_it(parts: Parts, patch: Patch) -> None:
        enqueue = parts.runtime.outbox.enqueue

        def twice(session: Any, to: str, data: Any, **rest: Any) -> Any:
            if to == topic:
                enqueue(session, to, data.model_copy(update=changes), **rest)
            return enqueue(session, to, data, **rest)

        patch(parts.runtime.outbox, "enqueue", twice)

    return break_it


def course_code_of_the_class(parts: Parts, patch: Patch) -> None:
    """The confirmation bears the class's course code, not the batch's."""
    service: Any = parts.service
    suggested = service.matches_suggested

    async def with_the_class_s(session: Any, envelope: Any) -> None:
        course = await session.scalar(select(Course.course_code).where(Course.class_id == envelope.data["class_id"]))
        await suggested(session, envelope.model_copy(update={"data": {**envelope.data, "course_code": course}}))

    patch(service, "matches_suggested", with_the_class_s)


def relay_forgets(topic: str) -> Break:
    """The relay takes a message for sent that it never sent."""

    def break_it(parts: Parts, patch: Patch) -> None:
        relay: Any = parts.runtime.relay
        send = relay._send

        async def others(to: str, envelope: Any, key: str) -> None:
            if to != topic:
                await send(to, envelope, key)

        patch(relay, "_send", others)

    return break_it


def idempotency_off(parts: Parts, patch: Patch) -> None:
    """Nobody remembers what was handled."""

    async def never(_: str) -> bool:
        return False

    async def nothing(*_: object) -> None:
        return None

    patch(parts.runtime.inbox, "knows", never)
    patch(parts.runtime.inbox, "remember", nothing)


def failed_is_done(topic: str) -> Break:
    """The offset is committed before the work: a message whose handler failed is never handled again."""

    def break_it(parts: Parts, patch: Patch) -> None:
        consumer: Any = parts.consumer
        attempt, effects = consumer._attempt, consumer._effects

        async def fails(name: str, envelope: Any) -> None:
            if name == topic:
                raise ConnectionError("the database is away for a moment")
            await effects(name, envelope)

        async def once(record: Any, envelope: Any, lane: Any) -> bool:
            return bool(await attempt(record, envelope, lane)) or record.topic == topic

        patch(consumer, "_effects", fails)
        patch(consumer, "_attempt", once)

    return break_it


def content_counts_again(parts: Parts, patch: Patch) -> None:
    """The same text again is taken for another one."""
    idempotency_off(parts, patch)
    service: Any = parts.service
    provisioned = service.content_provisioned

    async def another(session: Any, envelope: Any) -> None:
        renamed = {**envelope.data, "file_upload_id": str(uuid4())}
        await provisioned(session, envelope.model_copy(update={"data": renamed}))

    patch(service, "content_provisioned", another)
