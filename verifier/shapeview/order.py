"""In which order steps are drawn: what rules say, as far as they agree, else as they are written.

In: names and pairs (earlier, later), the strongest first. Out: a line of names in which every pair points down, but
for those that would close a circle.
"""

from collections.abc import Iterable, Sequence


def in_order(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """All names; a pair that contradicts stronger ones is left out."""
    after: dict[str, set[str]] = {name: set() for name in names}
    for earlier, later in pairs:
        if earlier != later and not _reaches(after, later, earlier):
            after[earlier].add(later)
    waits = dict.fromkeys(names, 0)
    for followers in after.values():
        for name in followers:
            waits[name] += 1
    out: list[str] = []
    while len(out) < len(names):
        following = next(n for n in names if waits[n] == 0)  # as early as possible, in the order written
        waits[following] = -1
        for name in after[following]:
            waits[name] -= 1
        out.append(following)
    return tuple(out)


def _reaches(after: dict[str, set[str]], start: str, goal: str) -> bool:
    """Whether there is a way from `start` to `goal`."""
    seen, todo = {start}, [start]
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        todo += [n for n in after[name] if n not in seen]
        seen |= after[name]
    return False
