"""From the completions of a case to what may be said of it.

In: a `Case`. Out: an `Answer`: what completions of the past give (observed, and what may be lost), what those with a
future give, and `accepts`: whether a verdict is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.laws.oracle import Impossible, outcomes
from tests.laws.oracle_case import Case
from tests.laws.oracle_formulas import awaited

Found = Mapping[str, list[str]]
BOTH = {"satisfied", "violated"}


@dataclass(frozen=True, slots=True)
class Answer:
    """outcome -> the completion that shows it: with what has happened by now, and with what may yet."""

    now: Found
    later: Found
    open: bool = False

    @property
    def all(self) -> set[str]:
        """Every outcome of any completion."""
        return {*self.now, *self.later}

    @property
    def verdict(self) -> str:
        """What the definition says: the one outcome of all completions; else pending if only the future decides."""
        if len(self.all) == 1:
            return next(iter(self.all))
        return "inconclusive" if len(self.now) > 1 else "pending"

    def accepts(self, said: str) -> bool:
        """Whether a verdict is right. Where completions differ both with and without the future, either word is."""
        if len(self.all) == 1:
            return said in self.all
        if len(self.now) > 1:
            return said == "inconclusive" or (said == "pending" and self.open)
        return said == "pending"


def answer(case: Case, *, lost: int = 2, pairs: bool = False, under_way: bool = True) -> Answer:
    """What all completions with up to `lost` lost rows, and up to two that are yet to come, give."""
    now: dict[str, list[str]] = {}
    for many in range(lost + 1 if case.lossy else 1):
        _more(case, ["lost"] * many, now, pairs)
        if now.keys() >= BOTH:
            break
    later: dict[str, list[str]] = {}
    kinds: Sequence[str] = ("coming", "under way") if case.open and under_way else ("coming",) if case.open else ()
    if not kinds and "violated" in now and "satisfied" not in now and awaited(case):
        kinds = ("awaited",)
    for many in range(1, 2 + max(1, len(case.rule.get("steps") or ()) - ("awaited" in kinds))):
        for how in kinds:
            for gone in range(lost + 1 if case.lossy else 1):
                if (now.keys() >= BOTH and later) or len({*now, *later}) > 1:
                    break
                _more(case, ["lost"] * gone + [how] * many, later, pairs)
    if "awaited" in kinds:  # the input has ended: what comes can only mend what is missing
        later = {told: how for told, how in later.items() if told == "satisfied"}
    return Answer(now, later, case.open or bool(awaited(case)))


def _more(case: Case, ghosts: Sequence[str], found: dict[str, list[str]], pairs: bool) -> None:
    try:
        for told, how in outcomes(case, ghosts, pairs=pairs, known=found).items():
            found.setdefault(told, how)
    except Impossible:
        pass
