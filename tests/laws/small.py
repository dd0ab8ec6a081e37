"""Random small flows and rules for the differential test, in the oracle's words, and the same written as a sketch.

In: a seeded `random.Random`. Out: a `Made`: a `Case` for the oracle; sketch, rule and premises for the judge.
Domains are small, so that ties, repetitions and near misses are frequent and all completions can be tried.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.laws.oracle import Impossible, base_times
from tests.laws.oracle_case import Case, Happened, Lossy, Row, Step

MS = 1_000_000
STEPS: Mapping[str, Step] = {
    "one": Step(sort="span", names=("one",)),
    "two": Step(sort="span", names=("two",)),
    "mine": Step(sort="span", names=("two",), service="a"),
    "some": Step(sort="span", names=("one",), where=(("n", "lt", 2),)),
    "each": Step(sort="span", names=("one", "two"), identity=("event_id",)),
    "tried": Step(sort="span", names=("two",), status="any"),
    "borne": Step(sort="span", names=("two",), carries=("code",)),
    "sent": Step(sort="record", names=("t",)),
    "told": Step(sort="record", names=("t", "u"), identity=("n",)),
    "move": Step(sort="event", names=("move",)),
    "end": Step(sort="span", names=("end",)),
}
MACHINE: Mapping[str, Any] = {
    "step": "move",
    "initial": "new",
    "final": ("done",),
    "moves": {"new": ("open",), "open": ("done", "new")},
    "states": ("done", "new", "open"),
}
FACTS: Mapping[str, tuple[Any, ...]] = {"lane": ("code", "X", "Y"), "many": ("n", 0, 1, 2, 3)}
LIMITS = (0, 3, 6, 20, 1000)
KINDS = ("conforms", "has", "leads_to", "never", "no_errors", "occurs", "precedes", "propagates", "sequence", "timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One case, and what of it only the judge is told in other words."""

    case: Case
    sketch: str
    premise: str = "complete"
    records: bool = True
    ends: bool = False
    losses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def made(rng: Random, kind: str) -> Made:
    """A flow of 1 to 6 observations that can have happened, with a rule of that kind and premises."""
    rows = _rows(rng, kind)
    while not _possible(rows):  # with complete records, as then most is known
        rows = _rows(rng, kind)
    rule = _rule(rng, kind)
    last = max(_last(row) for row in rows)
    ends = rng.random() < 0.3
    at = last + rng.choice((0, 0, 2, 9, 60)) * MS
    premise = rng.choice(("complete",) * 3 + ("lossy", "spans=lossy", "records=lossy"))
    records = rng.random() < 0.9 or any(row.sort == "record" for row in rows)
    losses = ("a",) if rng.random() < 0.07 else ()
    lossy = [Lossy(sort="span")] * (premise in ("lossy", "spans=lossy") or any(r.parent == "lost" for r in rows))
    lossy += [Lossy(sort="record", ungiven=not records)] * (premise in ("lossy", "records=lossy") or not records)
    lossy += [Lossy(sort="span", service=s) for s in losses]
    over = any(r.name == "end" and r.sort == "span" and not r.error for r in rows)
    case = Case(
        rows=tuple(rows),
        kind=kind,
        rule=rule,
        steps=STEPS,
        lossy=tuple(lossy),
        at=at,
        open=ends and not over,
        over=ends and over,
        machine=MACHINE,
        facts=FACTS,
    )
    return Made(case=case, sketch=sketch(rows), premise=premise, records=records, ends=ends, losses=losses)


def _last(row: Row) -> int:
    return max(x for x in (row.start, row.end, *(event.at for event in row.events)) if x is not None)


# ---- rows


def _possible(rows: list[Row]) -> bool:
    try:
        base_times(Case(rows=tuple(rows), kind="", rule={}, steps={}, at=0))
    except Impossible:
        return False
    return True


def _rows(rng: Random, kind: str) -> list[Row]:
    rows: list[Row] = []
    step = rng.choice((1, 1, 3, 3, 4, 9))  # how far apart moments are, in ms
    for number in range(rng.randint(1, 6 if kind != "conforms" else 4)):
        spans = [row for row in rows if row.sort == "span"]
        if rng.random() < 0.25:
            rows.append(_record(rng, f"r{number}", rows, step))
        elif kind == "conforms" and spans and rng.random() < 0.5:
            i = rows.index(rng.choice(spans))
            rows[i] = replace(rows[i], events=(*rows[i].events, _move(rng, step, rows[i])))
        else:
            rows.append(_span(rng, f"s{number}", spans, step))
            if rng.random() < (0.7 if kind == "conforms" else 0.06):
                rows[-1] = replace(
                    rows[-1], events=tuple(_move(rng, step, rows[-1]) for _ in range(rng.choice((1, 1, 2))))
                )
    if rng.random() < 0.1:
        rows.append(Row(id="z", sort="span", name="end", service="a", clock="a", start=99 * MS, end=99 * MS + MS))
    return rows


def _span(rng: Random, id_: str, spans: list[Row], step: int) -> Row:
    clock = rng.choice(("a", "a", "a", "b", "b", "b#2"))
    start = rng.randint(0, 7) * step
    took = rng.choice((1, 1, 3, step, 2 * step, 0 if rng.random() < 0.5 else 2, -2 if rng.random() < 0.3 else 1))
    kind = rng.choice(("", "", "", "consumer", "producer"))
    attributes = _attributes(rng)
    if kind == "consumer" and "event_id" not in attributes:
        attributes["messaging.destination.name"] = "t"
    parent = rng.choice(spans).id if spans and rng.random() < 0.3 else "lost" if rng.random() < 0.03 else None
    links = (rng.choice(spans).id,) if spans and rng.random() < 0.08 else ()
    return Row(
        id=id_,
        sort="span",
        name=rng.choice(("one", "one", "two", "two", "other")),
        service=clock.split("#")[0],
        clock=clock,
        start=start * MS,
        end=(start + took) * MS,
        error=rng.random() < 0.2,
        kind=kind,
        attributes=attributes,
        parent=parent,
        links=links,
    )


def _record(rng: Random, id_: str, rows: list[Row], step: int) -> Row:
    spans = [row for row in rows if row.sort == "span"]
    parent = rng.choice(spans) if spans and rng.random() < 0.4 else None
    made_at = rng.randint(0, 7) * step
    seen = made_at + rng.choice((0, 0, 2, 9))
    offset = sum(row.sort == "record" for row in rows)
    front = rng.random() < 0.15
    return Row(
        id=id_,
        sort="record",
        name=rng.choice(("t", "t", "u")),
        clock=parent.clock if parent else f"maker of {id_}",
        start=None if front else made_at * MS,
        end=seen * MS,
        attributes=_attributes(rng),
        parent=parent.id if parent else None,
        place=(0, offset),
    )


def _move(rng: Random, step: int, span: Row) -> Happened:
    source, target = rng.choice(
        (("new", "open"), ("new", "open"), ("open", "done"), ("open", "done"), ("open", "new"), ("new", "x"))
    )
    return Happened(
        name="move", at=(span.start or 0) + rng.randint(0, 4) * step * MS, attributes={"from": source, "to": target}
    )


def _attributes(rng: Random) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, values in (
        ("n", ("", "", 1, 2, "many")),
        ("code", ("", "", "X", "X", "Y")),
        ("event_id", ("", "", "e", "f")),
    ):
        value = rng.choice(values)
        if value != "":
            out[name] = value
    return out


def sketch(rows: list[Row] | tuple[Row, ...]) -> str:
    """The rows as a picture: each below its parent."""
    lines: list[str] = []

    def draw(row: Row, depth: int) -> None:
        pad = "  " * depth
        said = "".join(f" {name}={value}" for name, value in row.attributes.items())
        begin, finish = (None if x is None else x / MS for x in (row.start, row.end))
        if row.sort == "record":
            time = f"..{finish:g}ms" if begin is None else f"{begin:g}..{finish:g}ms"
            lines.append(f"{pad}[{row.name} {row.place[0]}:{row.place[1]}] @ {time}{said}")
            return
        lost = "^ " if row.parent == "lost" else ""
        kind = f" $kind={row.kind}" if row.kind else ""
        error = " !" if row.error else ""
        lines.append(f"{pad}&{row.id} {lost}{row.clock} : {row.name}{error} @ {begin:g}..{finish:g}ms{kind}{said}")
        for event in row.events:
            told = "".join(f" {name}={value}" for name, value in event.attributes.items())
            lines.append(f"{pad}  * {event.name} @ {event.at / MS:g}ms{told}")
        lines.extend(f"{pad}  ~> {link}" for link in row.links)
        for child in rows:
            if child.parent == row.id:
                draw(child, depth + 1)

    for row in rows:
        if row.parent in (None, "lost"):
            draw(row, 0)
    return "\n".join(lines)


# ---- rules

SPAN_STEPS = ("one", "two", "one", "two", "some", "each", "tried", "mine")
ANY_STEPS = (*SPAN_STEPS, "sent", "told", "sent", "move")


def _step(rng: Random) -> str:
    return rng.choice(ANY_STEPS)


def _point(rng: Random) -> str:
    return rng.choice((*ANY_STEPS, "end of one", "end of two", "end of each"))


def _apart(rng: Random) -> dict[str, Any]:
    """Two points of which no row is both: else every answer is a new question, and no finite flow fulfils that."""
    while True:
        step, then = _point(rng), _point(rng)
        if not {*STEPS[step.split()[-1]].names} & {*STEPS[then.split()[-1]].names}:
            return {"step": step, "then": then}


def _where(rng: Random) -> tuple[tuple[str, str, Any], ...]:
    return (
        rng.choice(
            (("n", "lt", 2), ("n", "ge", 2), ("code", "eq", "X"), ("n", "exists", True), ("code", "exists", False))
        ),
    )


def _rule(rng: Random, kind: str) -> dict[str, Any]:
    limit = lambda: rng.choice(LIMITS) * MS  # noqa: E731
    rule: dict[str, Any] = {}
    if kind == "never":
        rule = {"step": _step(rng)}
    elif kind == "occurs":
        times = rng.choice(((0, 0), (1, 1), (2, 2), (1, None), (2, None), (0, 1), (1, 2), "many"))
        each = (
            () if times in ((0, 0), (1, None), "many") else rng.choice(((), (), ("n",)))
        )  # there is one of each value seen
        step = _step(rng)
        rule = {"step": step, "times": times, "for_each": () if STEPS[step].identity else each}
    elif kind == "sequence":
        hops = rng.randint(1, 3)
        rule = {"steps": tuple((_step(rng), limit() if i and rng.random() < 0.4 else None) for i in range(hops))}
    elif kind == "precedes":
        first, then = _apart(rng).values()
        rule = {"first": first, "then": then, "count": rng.choice((1, 1, 1, 2, "many"))}
    elif kind == "leads_to":
        rule = {**_apart(rng), "within": rng.choice((None, limit(), limit()))}
        early = rule["within"] is None or rule["within"] > 3 * MS
        rule |= {
            "not_before": rng.choice((None, None, 3 * MS)) if early else None,
            "same": rng.choice(((), (), ("n",))),
        }
    elif kind == "timeout":
        rule = {**_apart(rng), "cancelled_by": _point(rng)}
        others = {name for p in (rule["step"], rule["then"]) for name in STEPS[p.split()[-1]].names}
        while others & {*STEPS[rule["cancelled_by"].split()[-1]].names}:
            rule["cancelled_by"] = _point(rng)
        rule |= {"due_after": limit(), "grace": limit()}
    elif kind == "propagates":
        through = tuple(sorted({rng.choice((*ANY_STEPS, "borne", "borne")) for _ in range(rng.randint(0, 2))}))
        attribute = rng.choice(("code", "code", "n"))
        rule = {"attribute": attribute, "through": through, "one_of": rng.choice(((), (), ("X",), (1, 2)))}
    elif kind == "has":
        step = rng.choice([step for step in ANY_STEPS if not STEPS[step].where])
        rule = {"step": step, "where": _where(rng)}
        if rng.random() < 0.5:
            rule = {"step": step, "if": _where(rng), "then": _where(rng), "else": _where(rng)}
    elif kind == "no_errors":
        rule = {"allow": rng.choice(((), (), ("tw*",))), "recovers_within": rng.choice((0, 0, 6 * MS, 1000 * MS))}
    scope = rng.choice(("", "", "", "", "after", "before", "between"))
    if scope:
        points = [_point(rng), _point(rng)]
        while scope == "between" and any(STEPS[p.split()[-1]].identity for p in points):
            points = [_point(rng), _point(rng)]  # nothing says whether what is repeated opens again
        rule[scope] = tuple(points) if scope == "between" else points[0]
    if rng.random() < 0.08:
        rule["when"] = {"lane": "X"}
    return rule
