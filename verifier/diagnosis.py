"""Why a flow went wrong, as data: what proves it, what would mend it, what may have caused it, what went right nearby.

In: nothing. Out: frozen data that `engine/diagnose` makes and hangs on the verdicts of flows that get explained.
Sentences about it are made in `wording`, nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from verifier.flows import Row, RowId
from verifier.shape import Scalar
from verifier.spans import Observation, Value

Sort = Literal["missing", "extra", "swapped", "moved", "changed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of a flow.

    missing: an occurrence of `step` at `at_ns` is put in (`row` holds it). extra: `of` is taken out. swapped: `of` and
    `other` exchange their times. moved: `of` comes at `at_ns`. changed: `attribute` of `of` is `value`, not `seen`.
    failed: `of`, which failed, succeeds.
    """

    sort: Sort
    step: str | None = None
    service: str | None = None
    at_ns: int | None = None
    of: Observation | None = None
    other: Observation | None = None
    other_step: str | None = None
    row: Row | None = None
    attribute: str | None = None
    seen: Value = None
    value: Value = None

    @property
    def when_ns(self) -> int:
        """Where in the flow it is."""
        if self.sort == "missing":
            return self.at_ns or 0
        return self.of.first_ns if self.of is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """The smallest set of observations that alone, with the premises and these facts, gives the same finding.

    `rows` are whole, as they were read; `drawn` are the same without what doesn't matter, to be drawn and pasted.
    `guilty` are the ids of the drawn rows that the finding points at; `neighbours` the moves before and after. It was
    judged as of `at_ns`.
    """

    rows: tuple[Row, ...] = ()
    drawn: tuple[Row, ...] = ()
    guilty: tuple[RowId, ...] = ()
    neighbours: tuple[Observation, ...] = ()
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    at_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The fewest edits found that make the rule hold; `least`: every smaller number of edits was tried."""

    edits: tuple[Edit, ...]
    least: bool = True


CauseSort = Literal[
    "failed", "silent", "duplicated", "changed", "clock", "paused", "missing", "extra", "swapped", "moved"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What may have happened: with these `edits` undone, the findings that it `explains` (rule, number) are gone.

    `explains` of `among` findings of the flow. `of` is the observation that tells of it, `message` what it says.
    `since_ns` is from when on; `steps` are what lacks because of it. changed with two rows (`other` of the edit): the
    value makes them count as one (`as_one`), or as two.
    """

    sort: CauseSort
    edits: tuple[Edit, ...] = ()
    explains: tuple[tuple[str, int], ...] = ()
    among: int = 0
    step: str | None = None
    service: str | None = None
    of: Observation | None = None
    message: str | None = None
    since_ns: int | None = None
    steps: tuple[str, ...] = ()
    as_one: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The flow most like this one that passed, and what is different there.

    `missing` and `extra`: step, how often here, how often there. `order`: pairs of steps that came the other way
    round there. `values`: name, value here, value there.
    """

    key: str
    missing: tuple[tuple[str, int, int], ...] = ()
    extra: tuple[tuple[str, int, int], ...] = ()
    order: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, Value, Value], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is said of a flow as a whole; `capped`: more candidates for a cause were there than were tried."""

    causes: tuple[Cause, ...] = ()
    nearest: Nearest | None = None
    passed: int = 0
    capped: bool = False
