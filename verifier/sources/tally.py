"""Counting what could not be read, so that nothing is dropped in silence.

In: one loss at a time, as it is met. Out: `Loss` rows, folded: a file with a thousand bad lines is one row that
names the first place and the count.
"""

from collections.abc import Iterable

from verifier.spans import Loss

_Key = tuple[str, str, str | None, str | None]


class Tally:
    """The losses of one input, folded per kind, file, service and topic."""

    def __init__(self) -> None:
        self._first: dict[_Key, tuple[str, str]] = {}
        self._count: dict[_Key, int] = {}
        self._more: list[Loss] = []

    def add(
        self,
        kind: str,
        file: str,
        what: str,
        *,
        line: int | None = None,
        count: int = 1,
        service: str | None = None,
        topic: str | None = None,
    ) -> None:
        """Count one more; `line` and `what` of the first of its sort are kept."""
        key = (kind, file, service, topic)
        if key not in self._first:
            self._first[key] = (file if line is None else f"{file}:{line}", what)
        self._count[key] = self._count.get(key, 0) + count

    def has(self, kind: str) -> bool:
        """Whether anything of that kind was counted."""
        return any(key[0] == kind for key in self._first)

    def total(self) -> int:
        """How much was counted so far."""
        return sum(self._count.values())

    def because(self, kind: str, file: str, what: str) -> None:
        """Count something under its cause; if it was counted already the place stays, and the sentence is this one."""
        known = [key for key in self._first if key[:2] == (kind, file)]
        for key in known:
            self._first[key] = (self._first[key][0], what)
        if not known:
            self.add(kind, file, what)

    def extend(self, losses: Iterable[Loss]) -> None:
        """Take over rows that were folded elsewhere; they stay rows of their own."""
        self._more.extend(losses)

    def losses(self) -> tuple[Loss, ...]:
        """Every row, in a fixed order."""
        own = [
            Loss(kind=key[0], where=where, count=self._count[key], what=what, service=key[2], topic=key[3])
            for key, (where, what) in self._first.items()
        ]
        return in_order(own + self._more)


def in_order(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """Losses sorted by kind, then place; fields that are None sort first."""
    return tuple(
        sorted(
            losses,
            key=lambda loss: (
                loss.kind,
                loss.where,
                loss.service or "",
                loss.topic or "",
                loss.what,
                loss.count,
                loss.since_ns or 0,
            ),
        )
    )
