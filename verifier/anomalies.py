"""Names of what goes wrong, and which weaker names follow from each.

In: nothing. Out: `ANOMALIES`, the name that a finding carries with what it says and the weaker names that follow: who
looks for illegal transitions wants skipped states too. A kind of another package may use names of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """What a name says, and the names that `follow`: whatever has it has these too, though they say less.

    `doubt`: the name itself says that something can't be told.
    """

    says: str
    follow: tuple[str, ...] = ()
    doubt: bool = False


ANOMALIES: Mapping[str, Anomaly] = {
    "lost event": Anomaly(says="what should have come never came"),
    "duplicate effect": Anomaly(says="something happened more often than it may"),
    "premature start": Anomaly(says="something came before what it has to wait for, or sooner than it may"),
    "late response": Anomaly(says="something came, but too late"),
    "premature timeout": Anomaly(
        says="a timeout came before its time, or although it was cancelled", follow=("premature start",)
    ),
    "wrong branch": Anomaly(says="something happened that may not happen in such a flow, or a decision went wrong"),
    "wrong value": Anomaly(says="a value is not what it has to be"),
    "broken propagation": Anomaly(says="a value was changed, lost or defaulted on its way", follow=("wrong value",)),
    "frozen constant": Anomaly(says="flows that should differ in a value all have the same", follow=("wrong value",)),
    "illegal transition": Anomaly(says="a state machine made a move that it may not make"),
    "skipped state": Anomaly(
        says="a move doesn't start where the last one ended: one in between is not there",
        follow=("illegal transition",),
    ),
    "state regression": Anomaly(
        says="a move, or a step, is of what lies behind what was reached already", follow=("illegal transition",)
    ),
    "stuck": Anomaly(says="a state was never left, or a wait never ended", follow=("lost event",)),
    "state leak on failure": Anomaly(says="what failed changed the state all the same"),
    "cross-talk": Anomaly(says="one flow led to something in another, or both have what should be of one alone"),
    "context lost": Anomaly(says="an effect doesn't descend from what should have caused it"),
    "orphan": Anomaly(says="what caused it is named, but was not seen", follow=("context lost",), doubt=True),
    "out of order": Anomaly(says="messages of one key were consumed in another order than they were produced"),
    "write of a stateless step": Anomaly(says="a step wrote to a table that it may not write to"),
    "error": Anomaly(says="an operation failed, and nothing made up for it"),
    "unproven": Anomaly(says="the evidence is not enough to tell", doubt=True),
}


def weaker(name: str | None) -> tuple[str, ...]:
    """Every name that follows from one, the nearest first; none from a name that isn't known here."""
    out: dict[str, None] = {}
    todo = [name] if name is not None and name in ANOMALIES else []
    for one in todo:  # grows while it is walked
        for other in ANOMALIES[one].follow:
            if other not in out:
                out[other] = None
                todo.append(other)
    return tuple(out)


def doubts(name: str | None) -> bool:
    """Whether the name itself says that something can't be told."""
    return name is not None and name in ANOMALIES and ANOMALIES[name].doubt
