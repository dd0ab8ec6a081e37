"""The business clock: what time it is for deadlines, and waiting on it.

It runs with the wall clock and can be advanced from outside, so that nobody waits 24 hours for a 24-hour deadline.
Spans and envelopes bear the wall clock's time; only what the business calls a deadline is on this one.
"""

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that is `ahead` of the wall clock."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead
        self._advanced = asyncio.Event()

    def now(self) -> datetime:
        """Business time, in UTC."""
        return datetime.now(UTC) + self.ahead

    def advance(self, by: timedelta) -> None:
        """Puts the clock forward and wakes whoever waits on it."""
        self.ahead += by
        self._advanced.set()
        self._advanced = asyncio.Event()

    async def sleep_until(self, when: datetime) -> None:
        """Returns when business time has come to `when`, by waiting or because the clock was advanced."""
        while (left := (when - self.now()).total_seconds()) > 0:
            try:
                await asyncio.wait_for(self._advanced.wait(), timeout=left)
            except TimeoutError:
                continue
