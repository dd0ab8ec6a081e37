"""The names of what goes wrong: each comes out of a flow that has it, and every finding has a known one."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.assertions.test_flows import CASES, example_of, shape_of
from tests.judging import judge_either, judge_example
from verifier.anomalies import ANOMALIES, doubts, weaker
from verifier.assertions import Example, kinds
from verifier.assertions.sequence import Hop
from verifier.findings import Broken
from verifier.shape import AttributeName, Condition, Duration, Machine, MovesBy, Step, StepName
from verifier.verdict import Judged

OF_DESIGN = {
    *("lost event", "duplicate effect", "premature start", "late response", "premature timeout", "wrong branch"),
    *("broken propagation", "frozen constant", "illegal transition", "skipped state", "state regression", "stuck"),
    *("state leak on failure", "cross-talk", "context lost", "orphan", "unproven"),
}
MOVES = {
    "steps": {"move": Step(event="move")},
    "machines": {
        "door": Machine(
            moves_by=MovesBy(step=StepName("move"), from_=AttributeName("from"), to=AttributeName("to")),
            initial="new",
            final=("done",),
            moves={"new": ("open",), "open": ("done",)},
        )
    },
}
WAIT = {"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "1h", "grace": "1h"}
STORED = {"stored": "stored", "published": "sent", "consumed": ("got",), "within": "5s"}
AT_T = {"sent": Step(record="t"), "got": Step(span="got")}
IN_ORDER = {"produced": "sent", "consumed": "got", "key": "k", "by": "n"}
ONE_ID = {"two": Step(span="two", identity=(AttributeName("id"),))}
CODE = {"two": Step(span="two", carries=(AttributeName("code"),))}


def flow(sketch: str, **said: Any) -> Mapping[str, Any]:
    """A sketch, and what else is said of it."""
    return {"sketch": sketch, **said}


# name, kind, parameters, the flow
NAMED: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = [
    ("lost event", "leads_to", {"step": "one", "then": "two"}, flow("a : one @ 0..1ms")),
    ("lost event", "leads_to", {"step": "one", "then": "two"}, flow("a : one @ 0..1ms\nb : two @ 1..2ms")),
    ("lost event", "sequence", {"steps": ("one", "two")}, flow("a : one @ 0..1ms")),
    ("lost event", "occurs", {"step": "one", "times": 2}, flow("a : one @ 0..1ms")),
    ("lost event", "delivered", STORED, flow("a : stored @ 0..1ms event_id=e", steps=AT_T, at="+1m")),
    (
        "lost event",
        "one_per",
        {"object": "one", "identity": ("id",), "owner": "of", "at_least": 2, "at_most": 2},
        flow("a : one @ 0..1ms flow=1 of=k id=s"),
    ),
    ("duplicate effect", "occurs", {"step": "one", "times": 1}, flow("a : one @ 0..1ms\na : one @ 2..3ms")),
    (
        "duplicate effect",
        "one_per",
        {"object": "one", "identity": ("id",), "owner": "of", "at_most": 1},
        flow("a : one @ 0..1ms flow=1 of=k id=s\na : one @ 2..3ms flow=2 of=k id=t"),
    ),
    ("premature start", "precedes", {"first": "one", "then": "two"}, flow("a : two @ 0..1ms")),
    ("premature start", "precedes", {"first": "one", "then": "two"}, flow("a : two @ 0..1ms\na : one @ 2..3ms")),
    ("premature start", "precedes", {"first": "one", "then": "two"}, flow("a : two @ 0..1ms\nb : one @ 1..2ms")),
    ("premature start", "sequence", {"steps": ("one", "two")}, flow("a : two @ 0..1ms\na : one @ 2..3ms")),
    ("premature start", "sequence", {"steps": ("one", "two")}, flow("a : two @ 0..1ms\nb : one @ 1..2ms")),
    (
        "premature start",
        "leads_to",
        {"step": "one", "then": "two", "not_before": "5s"},
        flow("a : one @ 0..1ms\na : two @ 1s"),
    ),
    ("premature start", "never", {"step": "two", "before": "one"}, flow("a : two @ 0..1ms\na : one @ 2..3ms")),
    (
        "late response",
        "leads_to",
        {"step": "one", "then": "two", "within": "1s"},
        flow("a : one @ 0..1ms\na : two @ 5s", at="+1m"),
    ),
    (
        "late response",
        "leads_to",
        {"step": "one", "then": "two", "within": "1s"},
        flow("a : one @ 0..1ms\nb : two @ 1.001s", at="+1m"),
    ),
    (
        "late response",
        "sequence",
        {"steps": ("one", {"two": Hop(within=Duration("1s"))})},
        flow("a : one @ 0..1ms\na : two @ 5s", at="+1m"),
    ),
    (
        "late response",
        "sequence",
        {"steps": ("one", {"two": Hop(within=Duration("1s"))})},
        flow("a : one @ 0..1ms\nb : two @ 1.001s", at="+1m"),
    ),
    ("late response", "timeout", WAIT, flow("a : asked @ 0..1ms\na : expired @ 3h", at="+5h")),
    (
        "late response",
        "delivered",
        STORED,
        flow("a : stored @ 0..1ms event_id=e\n[t 0:1] @ 1ms event_id=e\nb : got @ 9s event_id=e", steps=AT_T, at="+1m"),
    ),
    ("premature timeout", "timeout", WAIT, flow("a : asked @ 0..1ms\na : expired @ 3m")),
    ("premature timeout", "timeout", WAIT, flow("a : asked @ 0..1ms\na : done @ 1m\na : expired @ 1.5h")),
    ("premature timeout", "timeout", WAIT, flow("a : asked @ 0..1ms\na : expired @ 1.5h\nb : done @ 1.5h")),
    ("wrong branch", "never", {"step": "one"}, flow("a : one @ 0..1ms")),
    ("wrong branch", "occurs", {"step": "one", "times": 0}, flow("a : one @ 0..1ms")),
    (
        "wrong branch",
        "has",
        {"step": "one", "if_": {"n": Condition(ge=0.7)}, "then": {"to": "x"}, "else_": {"to": "y"}},
        flow("a : one @ 0..1ms n=0.7 to=y"),
    ),
    ("wrong value", "has", {"step": "one", "where": {"n": Condition(le=1)}}, flow("a : one @ 0..1ms n=2")),
    ("broken propagation", "propagates", {"attribute": "code"}, flow("a : one @ 0s code=X\na : two @ 1s code=Y")),
    ("broken propagation", "propagates", {"attribute": "code", "one_of": ("X",)}, flow("a : one @ 0s code=Y")),
    (
        "broken propagation",
        "propagates",
        {"attribute": "code", "through": ("two",)},
        flow("a : one @ 0s code=X\na : two @ 1s", steps=CODE),
    ),
    (
        "frozen constant",
        "varies",
        {"attribute": "code", "at": "one", "over": ("flow",), "at_least": 2},
        flow("a : one @ 0..1ms flow=1 code=X\na : one @ 2..3ms flow=2 code=X"),
    ),
    (
        "illegal transition",
        "conforms",
        {"machine": "door"},
        flow("a : x @ 0..9ms\n  * move @ 1ms from=new to=done", **MOVES),
    ),
    (
        "illegal transition",
        "conforms",
        {"machine": "door"},
        flow("a : x @ 0..9ms\n  * move @ 1ms from=new to=open\n  * move @ 1ms from=open to=done", **MOVES),
    ),
    (
        "skipped state",
        "conforms",
        {"machine": "door"},
        flow("a : x @ 0..9ms\n  * move @ 1ms from=open to=done", **MOVES),
    ),
    (
        "state regression",
        "conforms",
        {"machine": "door"},
        flow("a : x @ 0..9ms\n  * move @ 1ms from=open to=new", **MOVES),
    ),
    (
        "state regression",
        "conforms",
        {"machine": "door"},
        flow(
            "a : x @ 0..9ms\n  * move @ 1ms from=new to=open\n  * move @ 2ms from=open to=done\n"
            "  * move @ 3ms from=new to=open",
            **MOVES,
        ),
    ),
    ("state regression", "never", {"step": "one", "after": "two"}, flow("a : two @ 0..1ms\na : one @ 2..3ms")),
    ("stuck", "conforms", {"machine": "door"}, flow("a : x @ 0..9ms\n  * move @ 1ms from=new to=open", **MOVES)),
    ("stuck", "timeout", WAIT, flow("a : asked @ 0..1ms", at="+5h")),
    (
        "state leak on failure",
        "unchanged",
        {"machine": "door", "from_": "one", "to": "two"},
        flow("a : one @ 0..1ms\na : x @ 2..9ms\n  * move @ 3ms from=new to=open\na : two @ 12ms", **MOVES),
    ),
    (
        "state leak on failure",
        "unchanged",
        {"machine": "door", "from_": "one", "to": "two"},
        flow("a : one @ 0..1ms\na : x @ 2..9ms\n  * move @ 9ms from=new to=open\na : two @ 9..12ms", **MOVES),
    ),
    ("cross-talk", "isolated", {"entity": "id"}, flow("a : one @ 0..1ms flow=1 id=e\na : one @ 2..3ms flow=2 id=e")),
    ("cross-talk", "isolated", {"entity": "id"}, flow("a : one @ 0..1ms flow=1\n  a : two @ 2..3ms flow=2")),
    ("context lost", "causes", {"step": "one", "then": "two"}, flow("a : one @ 0..1ms\na : two @ 2..3ms")),
    ("orphan", "causes", {"step": "one", "then": "two"}, flow("a : one @ 0..1ms\n^ a : two @ 2..3ms")),
    (
        "out of order",
        "in_key_order",
        IN_ORDER,
        flow(
            "[t 0:1] @ 0ms k=a n=1\n[t 0:2] @ 1ms k=a n=2\nb : got @ 10ms k=a n=2\nb : got @ 20ms k=a n=1", steps=AT_T
        ),
    ),
    (
        "write of a stateless step",
        "no_writes",
        {"step": "one", "service": "a", "tables": ("stock",)},
        flow('a : one @ 0..9ms\n  a : x @ 1ms db.system=sqlite db.statement="DELETE FROM stock"'),
    ),
    ("error", "no_errors", {}, flow("a : one ! @ 0..1ms")),
    ("unproven", "never", {"step": "one"}, flow("a : two @ 0..1ms", assume="lossy")),
    ("unproven", "has", {"step": "one", "where": {"n": Condition(le=1)}}, flow("a : one @ 0..1ms n=many")),
    ("unproven", "occurs", {"step": "two", "times": 1}, flow("a : two @ 0s id=x\na : two @ 1s", steps=ONE_ID)),
    ("unproven", "never", {"step": "two", "after": "one"}, flow("a : one @ 0..1ms\nb : two @ 1..2ms")),
]


@pytest.mark.parametrize(("name", "kind", "parameters", "said"), NAMED, ids=[f"{n}-{k}" for n, k, *_ in NAMED])
def test_a_flow_gets_its_name(name: str, kind: str, parameters: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Its first finding says what went wrong, or what would have."""
    judged = judge_example(kind, Example(verdict="violated", parameters=parameters, **said))
    assert judged.findings, judged.verdict
    assert judged.findings[0].finding.anomaly == name


def test_every_name_is_shown() -> None:
    """The names of the design are there, and each comes out of a flow above."""
    assert OF_DESIGN <= set(ANOMALIES) == {name for name, *_ in NAMED}


def _found() -> list[tuple[str, Judged]]:
    """Every finding of every example and of every hand-drawn flow."""
    of_examples = [
        (f"{kind} {n}", judge_example(kind, example))
        for kind, cls in kinds().items()
        for n, example in enumerate(cls.examples)
    ]
    of_flows = []
    for case in CASES:
        shape = shape_of(case)
        params = {"params": dict(shape.params)} if shape.params else {}
        of_flows.append((case.id, judge_either(shape.assertions[0], example_of(case, shape), shape=params)))
    return [(name, j) for name, rule in (*of_examples, *of_flows) for j in rule.findings]


def test_every_finding_has_a_known_name() -> None:
    """Whatever the verdict; only where a rule itself failed there is nothing to name."""
    found = _found()
    assert len(found) > 200
    assert [name for name, j in found if not isinstance(j.finding, Broken) and j.finding.anomaly not in ANOMALIES] == []


def test_weaker_names_follow() -> None:
    """All the way down, never back to the name itself; none from a name that isn't known."""
    assert weaker("premature timeout") == ("premature start",)
    assert weaker("orphan") == ("context lost",)
    assert weaker("lost event") == weaker(None) == weaker("of a plug-in") == ()
    for name in ANOMALIES:
        assert name not in weaker(name)
        assert set(weaker(name)) <= set(ANOMALIES)


def test_what_can_not_be_told_is_not_hedged_twice() -> None:
    """`perhaps unproven` says nothing; `perhaps lost event` does."""
    assert [name for name in ANOMALIES if doubts(name)] == ["orphan", "unproven"]
