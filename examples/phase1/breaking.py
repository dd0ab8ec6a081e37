"""How a fault gets into a running service: attributes are replaced from outside, and put back.

The business code has no switches. Whoever breaks it replaces a method of an object that is there; `Patch` remembers
what was there before.
"""

from collections.abc import Callable
from typing import Any

from examples.phase1.parts import Parts

ABSENT = object()


class Patch:
    """What was replaced, and how to put it back."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, object]] = []

    def __call__(self, owner: Any, name: str, value: object) -> None:
        """Replaces an attribute of one object."""
        assert hasattr(owner, name), f"{owner} has no {name}: what a fault replaces must be there"
        self._before.append((owner, name, vars(owner).get(name, ABSENT)))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Puts everything back, last first."""
        while self._before:
            owner, name, value = self._before.pop()
            if value is ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


Break = Callable[[Parts, Patch], None]
