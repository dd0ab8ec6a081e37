"""Made-up flows and rules for the laws: small enough to be read when one fails.

In: hypothesis. Out: sketches of 1 to 8 rows (1 to 3 clocks, equal times, links, records, event ids, errors, moves of a
machine) and rules of every kind, in every scope; `verdict` judges rows by one rule.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from verifier.assertions import kinds
from verifier.assertions.no_errors import Allow
from verifier.assertions.sequence import Hop
from verifier.clock import Clocks
from verifier.engine.complete import Sight, parse_assume, sampled, silent_gaps
from verifier.engine.judge import Outcome, Setting, judge
from verifier.engine.plan import plan
from verifier.flows import Flow, Member, Row, sort_key
from verifier.jumps import jumps_of
from verifier.shape import (
    AttributeName,
    Condition,
    Correlation,
    Duration,
    Ends,
    Machine,
    MovesBy,
    Rule,
    Shape,
    Step,
    StepName,
    duration_ns,
)
from verifier.sketch import ORIGIN_NS, parse
from verifier.spans import Observation, Span

SEED = int(os.environ.get("LAWS_SEED", "0"))
EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "40"))
MS = 1_000_000
STEPS: Mapping[str, Step] = {
    "one": Step(span="one"),
    "two": Step(span="two"),
    "some": Step(span="one", where={"n": Condition(lt=2)}),
    "each": Step(span=("one", "two"), identity=(AttributeName("event_id"),)),
    "tried": Step(span="two", status="any"),
    "sent": Step(record="t"),
    "told": Step(record=("t", "u"), identity=(AttributeName("n"),)),
    "move": Step(event="move"),
    "end": Step(span="end"),
}
MACHINE = Machine(
    moves_by=MovesBy(step=StepName("move"), from_=AttributeName("from"), to=AttributeName("to")),
    initial="new",
    final=("done",),
    moves={"new": ("open",), "open": ("done", "new")},
)
STATEMENTS = ("SELECT * FROM orders", "UPDATE orders SET a = 1", "DELETE FROM other", "INSERT INTO (")
POINTS = ("one", "two", "some", "each", "tried", "sent", "told", "move")
POINT = st.one_of(st.sampled_from(POINTS), st.sampled_from(("start of one", "end of one", "end of two", "end of each")))
STEP = st.sampled_from(POINTS)
LIMIT = st.sampled_from(("0s", "3ms", "6ms", "20ms", "1s"))
ATTRIBUTE = st.sampled_from(("n", "code", "event_id"))


# ---- laws


def tried(made: st.SearchStrategy[tuple[Any, ...]], holds: Callable[..., None]) -> None:
    """Runs a law on made-up cases: `LAWS_EXAMPLES` of them (40 if not said), from `LAWS_SEED` (0), which is printed."""
    print(f"LAWS_SEED={SEED}")

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(made)
    def run(case: tuple[Any, ...]) -> None:
        holds(*case)

    run()


# ---- rows


@st.composite
def sketches(draw: st.DrawFn, *, most: int = 8) -> str:
    """A picture of 1 to `most` rows, all of one flow."""
    lines: list[str] = []
    labels: list[str] = []
    depth = offset = 0
    for number in range(draw(st.integers(1, most))):
        sort = draw(st.sampled_from("sssssrre"))
        if sort == "e" and not labels:
            sort = "s"
        if sort == "s":
            depth = draw(st.integers(0, min(depth + 1, 2))) if labels else 0
            lines.append(f"{'  ' * depth}&s{number} {draw(_spans())}")
            if labels and draw(st.integers(0, 5)) == 0:
                lines.append(f"{'  ' * (depth + 1)}~> {draw(st.sampled_from(labels))}")
            labels.append(f"s{number}")
        elif sort == "e":
            said = draw(st.sampled_from(("from=new to=open", "from=open to=done", "from=open to=new", "from=new to=x")))
            lines.append(f"{'  ' * (depth + 1)}* move @ {draw(_moments())}ms {said}")
        else:
            below = "  " * (depth + 1) if labels and draw(st.booleans()) else ""
            made, late = draw(_moments()), draw(st.sampled_from((0, 0, 2, 9)))
            front = draw(st.sampled_from(("", "", "..")))
            time = f"..{made + late}ms" if front else f"{made}..{made + late}ms"
            lines.append(f"{below}[{draw(st.sampled_from('ttu'))} 0:{offset}] @ {time}{draw(_attributes())}")
            offset += 1
            if not below:
                depth, labels = 0, []  # what comes next stands at column 0
    text = "\n".join(lines)
    assume(possible(rows_of(text)))
    return text


def _moments() -> st.SearchStrategy[int]:
    return st.integers(0, 8).map(lambda n: n * 3)


@st.composite
def _spans(draw: st.DrawFn) -> str:
    service = draw(st.sampled_from(("a", "a", "b", "b#2")))
    name = draw(st.sampled_from(("one", "two", "other")))
    sign = draw(st.sampled_from(("", "", "", " !")))
    start, took = draw(_moments()), draw(st.sampled_from((0, 1, 3, 7, -2)))
    kind = draw(st.sampled_from(("", "", " $kind=producer", " $kind=consumer")))
    topic = " messaging.destination.name=t" if "consumer" in kind and draw(st.booleans()) else ""
    said = draw(st.sampled_from(("",) * 9 + STATEMENTS))
    database = f' db.system=sqlite db.statement="{said}"' if said else ""
    return f"{service} : {name}{sign} @ {start}..{start + took}ms{kind}{topic}{database}{draw(_attributes())}"


@st.composite
def _attributes(draw: st.DrawFn) -> str:
    out = ""
    for name, values in (("n", ("", "", "1", "2", "many")), ("code", ("", "", "X", "Y")), ("event_id", ("", "e", "f"))):
        value = draw(st.sampled_from(values))
        out += f" {name}={value}" if value else ""
    return out


# ---- rules


@st.composite
def rules(draw: st.DrawFn, kind: str) -> Rule:
    """A rule of that kind, with or without a scope."""
    scope = draw(st.sampled_from(("", "", "", "after", "before", "between")))
    parameters: dict[str, Any] = {}
    if scope:
        parameters[scope] = (draw(POINT), draw(POINT)) if scope == "between" else draw(POINT)
    return kinds()[kind](**draw(PARAMETERS[kind]), **parameters)


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


_TIMES = st.sampled_from((0, 1, 2, ">=1", ">=2", "0..1", "1..2"))
_OPTIONAL_LIMIT = st.one_of(st.none(), LIMIT)
_CONDITION = st.sampled_from(({"n": Condition(lt=2)}, {"code": "X"}, {"n": Condition(exists=True)}, {"n": 1}))
_HOPS = st.one_of(
    st.lists(STEP, min_size=1, max_size=3).map(tuple),
    st.tuples(STEP, st.builds(lambda s, d: {s: Hop(within=Duration(d))}, STEP, LIMIT)),
)
PARAMETERS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "never": _some(step=STEP),
    "occurs": _some(step=STEP, times=_TIMES, for_each=st.sampled_from(((), (), ("n",)))),
    "sequence": _some(steps=_HOPS),
    "precedes": _some(first=POINT, then=POINT, count=st.sampled_from((1, 1, 2))),
    "leads_to": _some(
        step=POINT,
        then=POINT,
        within=_OPTIONAL_LIMIT,
        not_before=st.sampled_from((None, None, "3ms")),
        same=st.sampled_from(((), (), ("n",))),
    ),
    "timeout": _some(step=POINT, cancelled_by=POINT, then=POINT, due_after=LIMIT, grace=LIMIT),
    "has": st.one_of(
        _some(step=STEP, where=_CONDITION), _some(step=STEP, if_=_CONDITION, then=_CONDITION, else_=_CONDITION)
    ),
    "propagates": _some(
        attribute=ATTRIBUTE,
        through=st.lists(STEP, max_size=2, unique=True).map(tuple),
        one_of=st.sampled_from(((), (), ("X",), (1, "e"))),
    ),
    "conforms": st.just({"machine": "door"}),
    "causes": _some(
        step=STEP, then=STEP, through=st.sampled_from(((), (), ("two",), ("sent",), ("each", "move")))
    ).filter(lambda p: p["then"] not in (p["step"], *p["through"])),
    "in_key_order": _some(produced=STEP, consumed=STEP, key=ATTRIBUTE, by=ATTRIBUTE).filter(
        lambda p: p["produced"] != p["consumed"] and p["key"] != p["by"]
    ),
    "unchanged": _some(machine=st.just("door"), from_=POINT, to=POINT).filter(
        lambda p: "move" not in (p["from_"], p["to"])
    ),
    "delivered": _some(
        stored=POINT,
        published=POINT,
        consumed=st.lists(POINT, min_size=1, max_size=2, unique=True).map(tuple),
        within=LIMIT,
        same=st.sampled_from((("event_id",), ("n",))),
    ),
    "no_writes": _some(
        step=st.sampled_from(("one", "two", "some", "each", "tried", "move")),
        service=st.sampled_from(("a", "b")),
        tables=st.sampled_from((("orders",), ("orders", "stock"))),
    ),
    "no_errors": _some(
        allow=st.sampled_from(((), (), (Allow(span="tw*", because="it is tried again"),))),
        recovers_within=st.sampled_from(("0s", "0s", "6ms", "1s")),
    ),
}


# ---- judging


def rows_of(text: str) -> tuple[Row, ...]:
    """Every row of a sketch, in its order."""
    sketch = parse(text)
    return (*sketch.spans, *sketch.records)


def possible(rows: Sequence[Row]) -> bool:
    """Whether it can have happened: nothing leads to its own cause, to what its partition has before it, or on one
    clock to what began before it.
    """
    clocks = Clocks(rows=rows, records_complete=lambda _: True)
    for effect in rows:
        for cause in rows:
            if cause.id not in clocks.ancestors(effect):
                continue
            of, by = Observation(row=effect), Observation(row=cause)
            if effect.id in clocks.ancestors(cause):
                return False
            if clocks.clock(of) == clocks.clock(by) and of.first_ns < by.first_ns:
                return False
            if of.sort == by.sort == "record" and effect.id[:2] == cause.id[:2] and effect.id[2:] < cause.id[2:]:
                return False
    return True


def last_of(rows: Sequence[Row]) -> int:
    """The last moment that the rows tell of."""
    return max((Observation(row=r).last_ns for r in rows), default=ORIGIN_NS)


def shape_of(rule: Rule, *, key: str = "flow", ends: tuple[str, ...] = (), aliases: tuple[str, ...] = ()) -> Shape:
    """A shape with one rule."""
    return Shape(
        shape="made",
        flow=Correlation(
            key=AttributeName(key),
            aliases=tuple(AttributeName(a) for a in aliases),
            ends=Ends(steps=tuple(StepName(s) for s in ends)) if ends else None,
        ),
        steps=STEPS,
        machines={"door": MACHINE},
        assertions=(rule,),
    )


def outcome(
    rows: Sequence[Row], rule: Rule, *, premise: str, at_ns: int | None = None, ends: tuple[str, ...] = ()
) -> Outcome:
    """What one rule says of rows that are all of one flow."""
    unique = {row.id: row for row in rows}  # what is read twice is one row: the sources see to that
    rows = sorted(unique.values(), key=sort_key)
    orphans = tuple(row for row in rows if row.parent is not None and row.parent not in unique)
    flow = Flow(name="flow", key="1", members=tuple(Member(row=row, why="own") for row in rows), orphans=orphans)
    spans = [row for row in rows if isinstance(row, Span)]
    sight = Sight(
        at_ns=last_of(rows) if at_ns is None else at_ns,
        from_ns=ORIGIN_NS,
        assume=parse_assume(premise),
        losses=sampled(spans),
        gaps=silent_gaps(spans),
    )
    setting = Setting(sight=sight, jumps=jumps_of(spans, parse=duration_ns))
    found = judge(plan(shape_of(rule, ends=ends)), flow, setting)
    assert found is not None
    return found


def verdict(
    rows: Sequence[Row], rule: Rule, *, premise: str, at_ns: int | None = None, ends: tuple[str, ...] = ()
) -> str:
    """Its verdict of the rule."""
    return outcome(rows, rule, premise=premise, at_ns=at_ns, ends=ends).verdict.assertions[0].verdict.value
