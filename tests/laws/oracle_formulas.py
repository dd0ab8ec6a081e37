"""The formulas of docs/reference/kinds.md, one function a kind, asked of one fully known world.

In: a `World`. Out: satisfied, violated or vacuous. A formula never asks whether something was observed: it is true or
false of what happened. A new kind is one function in `FORMULAS`, and its steps in `speaks_of` and `awaited`.
"""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from tests.laws.oracle import ABSENT, Occurrence, World
from tests.laws.oracle_case import Case

SATISFIED, VIOLATED, VACUOUS = "satisfied", "violated", "vacuous"
Inside = Callable[[Occurrence], bool]
"""Whether an occurrence lies in the part of the flow that the rule speaks of."""


def holds(world: World) -> str:
    """The rule, with its guard and its scope: violated if a part is; vacuous if no part says anything."""
    rule = world.case.rule
    for name, wanted in sorted((rule.get("when") or {}).items()):
        if world.fact(name) != wanted:
            return VACUOUS
    formula = FORMULAS[world.case.kind]
    told = [formula(world, inside) for inside in _segments(world)]
    return VIOLATED if VIOLATED in told else SATISFIED if SATISFIED in told else VACUOUS


def speaks_of(case: Case) -> list[str]:
    """Every step that the rule names, its scope included."""
    rule = case.rule
    points = [rule.get(name) for name in ("step", "then", "first", "cancelled_by", "after", "before")]
    points += [*(rule.get("between") or ()), *(rule.get("through") or ()), *(s[0] for s in rule.get("steps") or ())]
    named = {_step(p) for p in points if isinstance(p, str)}
    if case.kind == "conforms":
        named.add(case.machine["step"])
    return sorted(named)


def awaited(case: Case) -> list[str]:
    """The steps whose coming within a bound the rule still waits for when the input has ended."""
    rule = case.rule
    if case.kind == "leads_to" and rule.get("within") is not None:
        return [_step(rule["then"])]
    if case.kind == "timeout":
        return sorted({_step(rule["then"]), _step(rule["cancelled_by"])})
    if case.kind == "sequence" and not case.over:  # a sequence is final when the flow is over
        return (
            sorted({name for name, within in rule["steps"][1:]}) if any(w is not None for _, w in rule["steps"]) else []
        )
    if case.kind == "no_errors" and rule.get("recovers_within"):
        return ["recovery"]
    return []


# ---- scopes


def _segments(world: World) -> Sequence[Inside]:
    """The parts of the flow that the rule speaks of; an occurrence lies in one by its start."""
    rule = world.case.rule
    if rule.get("after"):
        opening = _moments(world, rule["after"])
        return [lambda o: any(world.before(p, _start(world, o)) for p in opening)] if opening else []
    if rule.get("before"):
        closing = _moments(world, rule["before"])
        return [lambda o: all(world.before(_start(world, o), p) for p in closing)] if closing else []
    if rule.get("between"):
        return _between(world, *rule["between"])
    return [lambda o: True]


def _between(world: World, opens: str, closes: str) -> Sequence[Inside]:
    """From each opening until the next closing; an opening while one is open opens nothing."""
    openings, closings = _moments(world, opens), _moments(world, closes)
    out: list[Inside] = []
    for p in openings:
        later = [q for q in closings if world.before(p, q)]
        if not later:
            continue
        q = world.earliest(later)
        if any(
            r != p
            and world.before(r, p)
            and world.before(r, q)
            and not any(world.before(r, c) and not world.before(p, c) for c in closings)
            for r in openings
        ):
            continue
        out.append(lambda o, p=p, q=q: world.before(p, _start(world, o)) and world.before(_start(world, o), q))  # type: ignore[misc]
    return out


def _moments(world: World, point: str) -> list[str]:
    """The point of each distinct occurrence: what is repeated counts once, as the first."""
    step = _step(point)
    seen = [o for o in world.occurrences(step) if not o.awaited]
    return [world.earliest([world.node(o, _edge(point)) for o in group]) for group in world.distinct(step, seen)]


def _start(world: World, o: Occurrence) -> str:
    return world.node(o, "start")


def _edge(point: str) -> str:
    return point.split(" of ")[0] if " of " in point else "start"


def _step(point: str) -> str:
    return point.split(" of ")[-1]


# ---- kinds


def _never(world: World, inside: Inside) -> str:
    """G not a."""
    return VIOLATED if any(inside(a) for a in world.occurrences(world.case.rule["step"])) else SATISFIED


def _occurs(world: World, inside: Inside) -> str:
    """n <= #a <= m; for_each: for every value v that is seen, n <= #{a | a.x = v} <= m."""
    rule = world.case.rule
    least, most = rule["times"] if isinstance(rule["times"], tuple) else (world.fact(rule["times"]),) * 2
    groups: dict[object, list[Occurrence]] = {} if rule.get("for_each") else {(): []}
    for a in world.occurrences(rule["step"]):
        if inside(a):
            groups.setdefault(tuple(world.identifying(a, x) for x in rule.get("for_each") or ()), []).append(a)
    if not groups:
        return VACUOUS
    counts = [len(world.distinct(rule["step"], group)) for group in groups.values()]
    return SATISFIED if all(least <= n and (most is None or n <= most) for n in counts) else VIOLATED


def _sequence(world: World, inside: Inside) -> str:
    """There are s1 < s2 < ... < sn with s(i+1) - s(i) <= within."""
    steps = world.case.rule["steps"]

    def chain(i: int, last: str, used: tuple[object, ...]) -> bool:
        if i == len(steps):
            return True
        step, within = steps[i]
        for o in world.occurrences(step):
            if not inside(o):
                continue
            node, one = _start(world, o), (step, world.identity(o, step))
            if one in used or (last and not world.before(last, node)):
                continue
            if o.awaited and (not last or within is None):
                continue  # what nothing gives time to come is not awaited
            if last and within is not None and not world.at_most(last, node, within):
                continue
            if chain(i + 1, node, (*used, one)):
                return True
        return False

    return SATISFIED if chain(0, "", ()) else VIOLATED


def _precedes(world: World, inside: Inside) -> str:
    """G(b -> O a): each b has at least `count` distinct a strictly before it."""
    rule = world.case.rule
    first, then = _step(rule["first"]), _step(rule["then"])
    bs = [b for b in world.occurrences(then) if inside(b)]
    if not bs:
        return VACUOUS
    count = rule["count"] if isinstance(rule["count"], int) else world.fact(rule["count"])
    groups = world.distinct(first, [a for a in world.occurrences(first) if inside(a)])
    for b in bs:
        moment = world.node(b, _edge(rule["then"]))
        enough = 0
        for group in groups:
            enough += any(world.before(world.node(a, _edge(rule["first"])), moment) for a in group)
            if enough >= count:
                break
        if enough < count:
            return VIOLATED
    return SATISFIED


def _leads_to(world: World, inside: Inside) -> str:
    """G(a and x=v -> F[l,u] (b and x=v)): a record begins when it was made, and was published by when it was seen."""
    rule = world.case.rule
    step, then, within, least = _step(rule["step"]), _step(rule["then"]), rule.get("within"), rule.get("not_before")
    groups = world.distinct(step, [a for a in world.occurrences(step) if inside(a)])
    if not groups:
        return VACUOUS
    bs = [b for b in world.occurrences(then) if inside(b)]
    for group in groups:
        moments = [world.node(a, _edge(rule["step"])) for a in group]
        since = world.earliest(moments)
        a = group[moments.index(since)]
        for b in bs:
            until = world.node(b, _edge(rule["then"]))
            overlap = world.undecided(since, until)  # only then it counts when a record was made
            if not world.before(
                _made(world, a, rule["step"]) if overlap else since, _made(world, b, rule["then"]) if overlap else until
            ):
                continue
            if within is not None and not world.at_most(since, until, within):
                continue
            if least is not None and world.at_most(since, until, least - 1):
                continue
            if _same(world, a, b, rule.get("same") or ()):
                break
        else:
            return VIOLATED
    return SATISFIED


def _made(world: World, o: Occurrence, point: str) -> str:
    return world.node(o, "made" if o.sort == "record" else _edge(point))


def _same(world: World, a: Occurrence, b: Occurrence, attributes: Sequence[str]) -> bool:
    """x = v of both; one that is absent is not the same as one that is there, two that are absent may be."""
    for x in attributes:
        one, other = world.value(a, x), world.value(b, x)
        if one is ABSENT and other is ABSENT:
            if world.identifying(a, x) != world.identifying(b, x):
                return False
        elif one != other:
            return False
    return True


def _timeout(world: World, inside: Inside) -> str:
    """For the first a, at t: some b or c by t+d+g, no c before t+d, no b before a c."""
    rule = world.case.rule

    def moments(point: str) -> list[str]:
        return [world.node(o, _edge(point)) for o in world.occurrences(_step(point)) if inside(o)]

    asked, cancelled, expired = (moments(rule[name]) for name in ("step", "cancelled_by", "then"))
    if not asked:
        return VACUOUS
    t, d, g = world.earliest(asked), rule["due_after"], rule["grace"]
    if any(world.at_most(t, c, d - 1) for c in expired):
        return VIOLATED
    if any(world.before(b, c) for b in cancelled for c in expired):
        return VIOLATED
    return SATISFIED if any(world.at_most(t, x, d + g) for x in (*cancelled, *expired)) else VIOLATED


def _propagates(world: World, inside: Inside) -> str:
    """All that carry it carry one value, one of `one_of`; at each step of `through` it is there."""
    rule = world.case.rule
    attribute = rule["attribute"]
    carriers = [o for o in world.everything() if inside(o) and world.own(o, attribute) is not ABSENT]
    values = [world.own(o, attribute) for o in carriers]
    if len(set(values)) > 1 or any(rule.get("one_of") and v not in rule["one_of"] for v in values):
        return VIOLATED
    at = [(o, step) for step in rule.get("through") or () for o in world.occurrences(step) if inside(o)]
    for o, step in at:
        if world.own(o, attribute) is ABSENT and not _message_has(world, o, attribute, step):
            return VIOLATED
    return SATISFIED if carriers or at else VACUOUS


def _message_has(world: World, o: Occurrence, attribute: str, step: str) -> bool:
    """Whether the message's record has it, where the span need not; sure only where that record was seen."""
    if attribute in world.case.steps[step].carries:
        return False
    known, value = world.read(o, attribute)
    if known and (value is not ABSENT or o.sort == "record" or world.record_seen(o)):
        return value is not ABSENT
    return world.decide(2, lambda n: f"{o.id} {('has', 'lacks')[n]} {attribute}") == 0


def _has(world: World, inside: Inside) -> str:
    """G(a -> where), G(a and if -> then), G(a and not if -> else)."""
    rule = world.case.rule
    found = [a for a in world.occurrences(rule["step"]) if inside(a)]
    if not found:
        return VACUOUS
    for a in found:
        wanted = rule.get("where") or ()
        if rule.get("if"):
            wanted = rule["then"] if all(world.fulfils(a, *c) for c in rule["if"]) else rule["else"]
        if not all(world.fulfils(a, *c) for c in wanted):
            return VIOLATED
    return SATISFIED


def _conforms(world: World, inside: Inside) -> str:
    """For the moves in order: each allowed, each from where the last one ended, from initial to a final state."""
    machine = world.case.machine
    moves = [m for m in world.occurrences(machine["step"]) if inside(m)]
    if not moves:
        return VACUOUS
    ordered: list[Occurrence] = []
    for group in world.distinct(machine["step"], moves):
        first = world.earliest([world.node(m, "start") for m in group])
        move = next(m for m in group if world.node(m, "start") == first)
        i = 0
        while i < len(ordered) and world.before(world.node(ordered[i], "start"), first):
            i += 1
        ordered.insert(i, move)
    state = machine["initial"]
    for move in ordered:
        source, target = world.identifying(move, "from"), world.identifying(move, "to")
        if target not in machine["moves"].get(source, ()) or source != state:
            return VIOLATED
        state = target
    return SATISFIED if not machine["final"] or state in machine["final"] else VIOLATED


def _no_errors(world: World, inside: Inside) -> str:
    """G not error; with recovers_within d: G(error -> F[0,d] handled)."""
    rule = world.case.rule
    spans = [o for o in world.everything() if o.sort == "span" and inside(o)]
    for error in spans:
        if not world.failed(error) or any(fnmatchcase(error.name, name) for name in rule.get("allow") or ()):
            continue
        if not any(_recovers(world, error, o, rule.get("recovers_within") or 0) for o in spans):
            return VIOLATED
    return SATISFIED


def _recovers(world: World, error: Occurrence, o: Occurrence, within: int) -> bool:
    if not within or o is error or world.failed(o):
        return False
    begun, over = world.node(o, "start"), world.node(error, "end")
    if not world.before(world.node(error, "start"), begun) or not world.at_most(over, begun, within):
        return False
    return world.same_service(error, o) and world.same_message(error, o)


FORMULAS: Mapping[str, Callable[[World, Inside], str]] = {
    "never": _never,
    "occurs": _occurs,
    "sequence": _sequence,
    "precedes": _precedes,
    "leads_to": _leads_to,
    "timeout": _timeout,
    "propagates": _propagates,
    "has": _has,
    "conforms": _conforms,
    "no_errors": _no_errors,
}
