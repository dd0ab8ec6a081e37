"""Paths among rows: what leads to what.

In: for each id the ids that one step leads from. Out: all that any path leads from, and an order in which each comes
after them. Both take time that grows with the steps, and end where steps go round in a circle.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from verifier.flows import RowId


def above(up: Mapping[RowId, Sequence[RowId]], start: RowId) -> set[RowId]:
    """Every id that a path leads from to `start`, but itself."""
    seen: set[RowId] = set()
    todo = list(up.get(start, ()))
    while todo:
        i = todo.pop()
        if i not in seen and i != start:
            seen.add(i)
            todo.extend(up.get(i, ()))
    return seen


def downwards(up: Mapping[RowId, Sequence[RowId]], ids: Iterable[RowId]) -> Iterator[RowId]:
    """Every one of `ids` once, after all that a path leads from to it; those of a circle in some order."""
    seen: set[RowId] = set()
    for start in ids:
        todo = [(start, False)]
        while todo:
            i, all_above = todo.pop()
            if all_above:
                yield i
            elif i not in seen:
                seen.add(i)
                todo.append((i, True))
                todo += [(u, False) for u in up.get(i, ())]
