"""The oracle: what the published formulas say of a small flow, found by trying every completion of the evidence.

In: a `Case` (rows with stamps, one rule, what may be lost, as of when). Out: `outcomes`: which of satisfied, violated
and vacuous some completion gives, each with the completion that shows it.

It is slow and obvious on purpose, is written from the formulas alone and shares no code with the verifier. A formula
(`oracle_formulas`) is asked of one `World` at a time, in plain words: which occurrences are there, is p before q, is q
at most 5 ms after p, what is the value of n. Where the evidence leaves more than one answer, the world takes the first,
and the formula is asked again in another world that takes the next, until there is none left. Answers fit together:
true times that agree with every stamp, every cause and every answer so far must exist (`oracle_times`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.laws.oracle_case import NEVER, Case, Lossy, Row, Step, canonical, told_fact
from tests.laws.oracle_times import JITTER, NS, UNSEEN, PairTimes, Times

ABSENT = None


@dataclass(eq=False, slots=True)
class Occurrence:
    """An observation that may be a step: a row, the `index`-th event of one, or a ghost (lost, or yet to come)."""

    id: str
    sort: str
    row: Row | None
    index: int = -1
    name: str = ""
    service: str | None = None
    ghost: str = ""
    awaited: str = ""
    clock: str = ""


# ---- choices


class Choices:
    """The answers of one world, in the order of the questions; `next` moves on to a world not yet seen."""

    def __init__(self) -> None:
        self.path: list[tuple[int, int]] = []
        self.at = 0
        self.told: list[str] = []

    def pick(self, many: int) -> int:
        """One of `many` answers."""
        if self.at == len(self.path):
            self.path.append((0, many))
        self.at += 1
        return self.path[self.at - 1][0]

    def next(self) -> bool:
        """Whether there is another world."""
        while self.path and self.path[-1][0] + 1 >= self.path[-1][1]:
            self.path.pop()
        if not self.path:
            return False
        taken, many = self.path[-1]
        self.path[-1] = (taken + 1, many)
        self.at, self.told = 0, []
        return True


class Impossible(Exception):
    """No true times fit this world."""


class TooMany(Exception):
    """More worlds than we have time for."""


# ---- one world


class World:
    """One completion, made while it is asked."""

    def __init__(self, case: Case, choices: Choices, times: Times | PairTimes, ghosts: Sequence[str]) -> None:
        self.case, self.choices, self.times = case, choices, times
        self._values: dict[tuple[str, str], Any] = {}
        self._matches: dict[tuple[str, Any], bool] = {}
        self.observed = [o for row in case.rows for o in _observations(row)]
        self.known = times.copy() if case.kind == "leads_to" else times
        self.how, self.ghosts, self.last_choice = ghosts, list[Occurrence](), (0, "")

    def decide(self, many: int, words: Callable[[int], str]) -> int:
        """One of `many` answers; `words` tell which."""
        if many == 1:
            return 0
        taken = self.choices.pick(many)
        self.choices.told.append(words(taken))
        return taken

    # -- occurrences

    def occurrences(self, step: str) -> Iterator[Occurrence]:
        """Everything that is this step: what was observed first, so that a formula can do without the rest."""
        yield from (o for o in self.observed if self.matches(o, step))
        yield from (o for o in self._unseen() if self.matches(o, step))

    def everything(self) -> Iterator[Occurrence]:
        """Every span and record, observed or not."""
        yield from (o for o in self.observed if o.sort != "event")
        yield from (o for o in self._unseen() if o.sort != "event")

    def _unseen(self) -> Iterator[Occurrence]:
        for number, how in enumerate(self.how):
            if number == len(self.ghosts):
                self.ghosts.append(self._ghost(number, how))
            yield self.ghosts[number]

    def matches(self, o: Occurrence, name: str) -> bool:
        """Whether it is an occurrence of the step."""
        if o.awaited:
            return o.awaited == name
        step = self.case.steps[name]
        if o.sort != step.sort or o.name not in step.names:
            return False
        if step.service and not self._of_service(o, step.service):
            return False
        if step.sort == "span" and step.status != "any" and self.failed(o) != (step.status == "error"):
            return False
        key = (o.id, name)
        if key not in self._matches:
            self._matches[key] = all(self.fulfils(o, *condition) for condition in step.where)
        return self._matches[key]

    def failed(self, o: Occurrence) -> bool:
        """Whether its status is ERROR."""
        if o.row is not None:
            return o.row.error
        if o.ghost and o.awaited:
            return False
        key = (o.id, "error")
        if key not in self._matches:
            self._matches[key] = bool(self.decide(2, lambda n: f"{o.id} {'failed' if n else 'went well'}"))
        return self._matches[key]

    def _of_service(self, o: Occurrence, service: str) -> bool:
        if o.service is None:
            o.service = (service, "elsewhere")[self.decide(2, lambda n: f"{o.id} is of {(service, 'elsewhere')[n]}")]
        return o.service == service

    # -- values

    def value(self, o: Occurrence, attribute: str) -> Any:
        """The value, `ABSENT` if it is surely not there; what can't be known is any."""
        known, value = self.read(o, attribute)
        return value if known else self.any_value(o, attribute)

    def identifying(self, o: Occurrence, attribute: str) -> Any:
        """The value that says which one it is: there must be one, so what is absent is any."""
        known, value = self.read(o, attribute)
        value = value if known else self._values.get((o.id, attribute), ABSENT)
        return value if value is not ABSENT else self.any_value(o, attribute, absent=False)

    def any_value(self, o: Occurrence, attribute: str, *, absent: bool = True) -> Any:
        """Any value in play, a new one, or none."""
        key = (o.id, attribute) if absent else (o.id, f"which {attribute}")
        if key not in self._values:
            some = [*self._alphabet(attribute), f"new {o.id}"] + ([ABSENT] if absent else [])
            self._values[key] = some[self.decide(len(some), lambda n: f"{attribute} of {o.id} is {some[n]}")]
        return self._values[key]

    def _alphabet(self, attribute: str) -> list[Any]:
        case = self.case
        seen = [row.attributes.get(attribute) for row in case.rows]
        seen += [event.attributes.get(attribute) for row in case.rows for event in row.events]
        seen += [value for key, value in self._values.items() if key[1] in (attribute, f"which {attribute}")]
        for where in (
            *(s.where for s in case.steps.values()),
            *(case.rule.get(k) or () for k in ("where", "if", "then")),
        ):
            if isinstance(where, tuple):
                for name, operator, value in (w for w in where if isinstance(w, tuple)):
                    if name == attribute and operator != "exists":
                        seen += [value, value - 1] if operator == "lt" else [value]
        seen += [value for value in case.rule.get("one_of") or () if case.rule.get("attribute") == attribute]
        if case.machine and attribute in ("from", "to"):
            seen += case.machine["states"]
        return sorted({canonical(v) for v in seen if v not in (None, "")}, key=str)

    def read(self, o: Occurrence, attribute: str) -> tuple[bool, Any]:
        """(whether the evidence tells it, the value): the span's own, then what its message's record says."""
        if o.row is None:
            return False, None
        if o.index >= 0 and (own := o.row.events[o.index].attributes.get(attribute)) not in (None, ""):
            return True, canonical(own)
        if (own := o.row.attributes.get(attribute)) not in (None, ""):
            return True, canonical(own)
        if o.sort == "record":
            return True, ABSENT
        message, topic = o.row.attributes.get("event_id"), o.row.attributes.get("messaging.destination.name")
        records = [r for r in self.case.rows if r.sort == "record"]
        if message:
            said = {canonical(r.attributes.get(attribute)) for r in records if r.attributes.get("event_id") == message}
            return (True, said.pop()) if len(said) == 1 else (False, None)
        if o.row.kind == "consumer" and topic and any(lossy.sort == "record" for lossy in self.case.lossy):
            return False, None  # it may have handled one that was not seen
        if o.row.kind == "consumer" and topic:
            said = {canonical(r.attributes.get(attribute)) for r in records if r.name == topic}
            return (True, said.pop()) if len(said) == 1 else (False, None)
        return True, ABSENT

    def own(self, o: Occurrence, attribute: str) -> Any:
        """What the row itself says."""
        if o.row is None:
            return self.any_value(o, attribute)
        value = o.row.attributes.get(attribute)
        return canonical(value) if value not in (None, "") else ABSENT

    def fulfils(self, o: Occurrence, attribute: str, operator: str, wanted: Any) -> bool:
        """Whether the condition holds; what can't be read as the condition's type decides nothing."""
        if self.times.each_for_itself and not self.read(o, attribute)[0] and not o.ghost:
            says = f"{attribute} {operator} {wanted} of {o.id}"
            return self.decide(2, lambda n: f"{'' if n == 0 else 'not: '}{says}") == 0
        value = self.value(o, attribute)
        if operator == "exists":
            return (value is not ABSENT) == wanted
        if value is ABSENT:
            return False
        if isinstance(wanted, int) and not isinstance(value, int):
            if isinstance(value, str) and value.startswith("new "):
                return operator == "ge"  # a new number: more than any in play
            key, says = (o.id, (attribute, operator, wanted)), f"{attribute} {operator} {wanted} of {o.id}"
            if self.times.each_for_itself or key not in self._matches:
                self._matches[key] = bool(self.decide(2, lambda n: f"{says} {'holds' if n else 'does not hold'}"))
            return self._matches[key]
        return {
            "eq": value == wanted,
            "lt": operator == "lt" and value < wanted,
            "ge": operator == "ge" and value >= wanted,
        }[operator]

    def identity(self, o: Occurrence, step: str) -> tuple[Any, ...]:
        """What makes it the one it is: equal in the step's identity, else itself."""
        names = self.case.steps[step].identity
        if not names:
            return (o.id,)
        return tuple(self.identifying(o, name) for name in names)

    def distinct(self, step: str, among: Iterable[Occurrence]) -> list[list[Occurrence]]:
        """The sightings of each distinct occurrence."""
        groups: dict[tuple[Any, ...], list[Occurrence]] = {}
        for o in among:
            groups.setdefault(self.identity(o, step), []).append(o)
        return list(groups.values())

    def fact(self, name: str) -> Any:
        """The fact, if the evidence tells it; else any."""
        if (told := told_fact(self.case, name)) is not None:
            return told
        some, key = self.case.facts[name][1:], ("fact", name)
        if key not in self._values:
            self._values[key] = some[self.decide(len(some), lambda n: f"fact {name} is {some[n]}")]
        return self._values[key]

    # -- order and time

    def node(self, o: Occurrence, edge: str) -> str:
        """The name of the moment: start, end or made (of a record)."""
        if o.sort == "event":
            return f"{o.id}.at"
        if o.sort == "record":
            return f"{o.id}.made" if edge == "made" else f"{o.id}.at"
        return f"{o.id}.end" if edge == "end" else f"{o.id}.start"

    def before(self, p: str, q: str) -> bool:
        """Whether p is strictly before q, in true time: of one span its start is before its end."""
        one, other = p.rpartition("."), q.rpartition(".")
        if one[0] == other[0] and {one[2], other[2]} == {"start", "end"}:
            return one[2] == "start"
        return self._settle(p, q, -1, f"{p} before {q}", f"{p} not before {q}")

    def undecided(self, p: str, q: str) -> bool:
        """Whether the evidence leaves open which was first."""
        if p == q or not (self.known.knows(p) and self.known.knows(q)):
            return p != q  # of what was not observed, nothing is told
        return self.known.allows(p, q, -1) and self.known.allows(q, p, 0)

    def at_most(self, p: str, q: str, limit: int) -> bool:
        """Whether q is at most `limit` after p."""
        return self._settle(q, p, limit * NS + NS // 2, f"{q} in time after {p}", f"{q} more than {limit} after {p}")

    def _settle(self, i: str, j: str, c: int, yes: str, no: str) -> bool:
        """Whether i - j <= c; where both can be, one of them is taken."""
        if i == j:
            return c >= 0
        can, can_not = self.times.allows(i, j, c), self.times.allows(j, i, -c - 1)
        if can and can_not:
            can = self.decide(2, lambda n: (yes, no)[n]) == 0
            self.times.add(i, j, c) if can else self.times.add(j, i, -c - 1)
        return can

    def earliest(self, nodes: Sequence[str]) -> str:
        """The one that none of the others is before."""
        first = nodes[0]
        for other in nodes[1:]:
            if self.before(other, first):
                first = other
        return first

    # -- messages

    def record_seen(self, o: Occurrence) -> bool:
        """Whether a record of the span's message was seen."""
        message = o.row.attributes.get("event_id") if o.row else None
        topic = o.row.attributes.get("messaging.destination.name") if o.row else None
        if o.row and not message and o.row.kind == "consumer" and topic:  # it handled one of these, and all agree
            return any(r.sort == "record" and r.name == topic for r in self.case.rows)
        return bool(message) and any(
            r.sort == "record" and r.attributes.get("event_id") == message for r in self.case.rows
        )

    def same_service(self, one: Occurrence, other: Occurrence) -> bool:
        """Whether one service did both."""
        if one.service is None and other.service is None:
            return self._either(f"{one.id} and {other.id} are of one service")
        wanted = one.service or other.service
        assert wanted is not None
        return self._of_service(one, wanted) and self._of_service(other, wanted)

    def same_message(self, one: Occurrence, other: Occurrence) -> bool:
        """Whether both handle one message: by its id; two of one name that say of none may."""
        ids = [None if o.row is None else canonical(o.row.attributes.get("event_id")) for o in (one, other)]
        if one.row is None or other.row is None:
            return self._either(f"{one.id} and {other.id} handle one message")
        if None in ids:
            topics = {o.row.attributes.get("messaging.destination.name") for o in (one, other)}
            return (
                one.name == other.name
                and len(topics) == 1
                and self._either(f"{one.id} and {other.id} handle one message")
            )
        return ids[0] == ids[1]

    def _either(self, words: str) -> bool:
        key = (words, None)
        if key not in self._matches:
            self._matches[key] = self.decide(2, lambda n: f"{'' if n == 0 else 'not: '}{words}") == 0
        return self._matches[key]

    # -- what was not observed

    def _ghost(self, number: int, how: str) -> Occurrence:
        """A row of a sort that may be lost, or one that is yet to come."""
        case = self.case
        options = _templates(case, how)
        skipped = self.last_choice[0] if self.last_choice[1] == how else 0  # which of two is which doesn't matter
        options = options[skipped:]
        if not options:
            raise Impossible
        taken = self.decide(len(options), lambda n: f"{how} row: {options[n][:4]}")
        self.last_choice = (skipped + taken, how)
        sort, name, service, awaited, lossy = options[taken]
        o = Occurrence(id=f"{how}{number}", sort=sort, row=None, name=name, service=service, ghost=how, awaited=awaited)
        clocks = sorted({r.clock for r in case.rows if r.service == service and r.sort == "span"}) if service else []
        clock = clocks[self.decide(len(clocks), lambda n: f"by clock {clocks[n]}")] if clocks else UNSEEN
        self._place(o, f"clock {clock}", lossy)
        return o

    def _place(self, o: Occurrence, clock: str, lossy: Lossy | None) -> None:
        """Lost: it is over by now, and is what may be lost. To come: its start, or if under way its end, is later."""
        begin, finish = self.node(o, "start"), self.node(o, "end")
        times, now = self.times, self.case.at
        for node in sorted({begin, finish}):
            times.point(node)
        if begin != finish:
            times.add(begin, finish, 0)
        if o.sort == "record":
            times.point(f"{o.id}.made")
            times.add(f"{o.id}.made", begin, 0)
        if lossy is not None:
            times.add(finish, clock, now * NS + JITTER)
            if lossy.until < NEVER:
                times.add(begin, clock, lossy.until * NS + JITTER)
            if lossy.since > -NEVER:
                times.add(clock, finish, -lossy.since * NS)
        elif o.ghost == "under way":
            times.add(clock, finish, -(now + 1) * NS)
        else:
            times.add(clock, begin, -(now + 1) * NS)
            if o.sort == "record":
                times.add(clock, f"{o.id}.made", -(now + 1) * NS)


def _observations(row: Row) -> Iterator[Occurrence]:
    yield Occurrence(id=row.id, sort=row.sort, row=row, name=row.name, service=row.service, clock=row.clock)
    for index, event in enumerate(row.events):
        yield Occurrence(
            id=f"{row.id}*{index}",
            sort="event",
            row=row,
            index=index,
            name=event.name,
            service=row.service,
            clock=row.clock,
        )


Template = tuple[str, str, str | None, str, Lossy | None]


def _templates(case: Case, how: str) -> list[Template]:
    """What a ghost can be: (sort, name, service, the step that awaits it, what loses it)."""
    from tests.laws.oracle_formulas import awaited, speaks_of

    out: list[Template] = []
    if how == "awaited":
        for step in awaited(case):
            s = case.steps.get(step) or Step(sort="span", names=("one", "two", "other"))
            out += [(s.sort, name, s.service, step, None) for name in s.names]
    else:
        plain = [(s.sort, name, s.service) for s in (case.steps[n] for n in speaks_of(case)) for name in s.names]
        if case.kind in ("propagates", "no_errors"):
            plain += [("span", "other", None), ("record", "u", None)]
        for sort, name, service in sorted(set(plain), key=str):
            seen_in = "record" if sort == "record" else "span"
            if how in ("coming", "under way"):
                out.append((sort, name, service, "", None))
            for lossy in case.lossy if how == "lost" else ():
                if lossy.sort == seen_in and (lossy.service is None or service in (None, lossy.service)):
                    out.append((sort, name, lossy.service or service, "", lossy))
    return out


# ---- all worlds


def outcomes(
    case: Case,
    ghosts: Sequence[str],
    *,
    pairs: bool = False,
    budget: int = 300,
    known: Mapping[str, list[str]] | None = None,
) -> dict[str, list[str]]:
    """What the completions with these ghosts give: outcome -> the answers that lead to it. Stops when `known` and
    these together hold both satisfied and violated.
    """
    from tests.laws.oracle_formulas import holds

    found: dict[str, list[str]] = {}
    base = base_times(case, pairs=pairs)
    choices = Choices()
    for _ in range(budget):
        try:
            told = holds(World(case, choices, base.copy(), ghosts))
            if told not in found:
                found[told] = list(choices.told)
                if {"satisfied", "violated"} <= {*found, *(known or ())}:
                    return found
        except Impossible:
            pass
        if not choices.next():
            return found
    raise TooMany


def base_times(case: Case, *, pairs: bool = False) -> Any:
    """What the stamps, and the causes, say of the true times of all observed points."""
    times = (PairTimes if pairs else Times)(case)
    if not times.possible():
        raise Impossible
    return times
