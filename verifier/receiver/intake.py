"""What both doors of a receiver share: a request is judged, kept in the journal, and only then acknowledged.

In: the plain bytes of a request. Out: an `Answer`. Judging takes time by the number of spans, so it is done in a
thread; how many bytes are under way at once is bounded.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from verifier.errors import SourceError
from verifier.receiver.answer import MOST_BYTES, Answer, Format, busy, judge, kept, note
from verifier.receiver.journal import FullError, Journal

MOST_UNDER_WAY = 4 * MOST_BYTES
"""How many bytes of requests are held in memory at once; more is refused for now."""
MOST_NOTES = 1_000
"""How many refused requests are noted in the journal; each of them makes what was read incomplete, one suffices."""
Kept = Callable[[bytes], None]


@dataclass(slots=True, kw_only=True)
class Intake:
    """Takes requests for a journal. `on_kept` hears of each that was kept, in the receiver's own thread."""

    journal: Journal
    on_kept: Kept | None = None
    requests: int = field(default=0, init=False)
    refused: int = field(default=0, init=False)
    _under_way: int = field(default=0, init=False)

    def reserve(self, size: int) -> bool:
        """Room for so many bytes; False if there is none now. Give it back with `release`."""
        if self._under_way + size > MOST_UNDER_WAY:
            return False
        self._under_way += size
        return True

    def release(self, size: int) -> None:
        """Gives room back."""
        self._under_way -= size

    async def take(self, body: bytes, format: Format) -> Answer:
        """Judges a request and keeps it."""
        answer = await asyncio.to_thread(judge, body, format)
        if not answer.good:
            return await self.refuse(answer, len(body))
        request = kept(body, format)
        if request:
            try:
                await asyncio.wrap_future(self.journal.append(request))
            except FullError:
                return busy()
            except (OSError, SourceError) as problem:
                return Answer(status=503, why=f"it can't be written: {problem}", again=True)
        self.requests += 1
        if self.on_kept is not None:
            self.on_kept(request)
        return answer

    async def refuse(self, answer: Answer, size: int) -> Answer:
        """Notes in the journal what was refused for good."""
        if answer.again:
            return answer
        self.refused += 1
        if self.refused <= MOST_NOTES:
            said = note(answer, size)
            try:
                await asyncio.wrap_future(self.journal.append(said))
            except (FullError, OSError, SourceError):
                return busy()
            if self.on_kept is not None:
                self.on_kept(said)
        return answer
