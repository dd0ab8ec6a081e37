"""A diagnosis in words: the likely cause, the nearest repair, the nearest flow that passed.

In: causes, repairs and differences as data. Out: fragments that claim no more than "likely": they were judged, with
the edits made, but what happened nobody saw.
"""

from collections import Counter
from collections.abc import Sequence

from verifier.diagnosis import Cause, Edit, Nearest, Repair
from verifier.spans import Observation, Record, Span, Value, consumes
from verifier.verdict import AssertionVerdict, Finding, FlowVerdict, Judged, Unexpected, Verdict
from verifier.wording.text import clean, count, duration, listed, moment, value

TOLD = ("failed", "duplicated", "silent", "paused", "clock")
"""Causes that say more than a finding's title: they stand in the first line too."""
Explained = tuple[AssertionVerdict, Judged]


def cause(cause: Cause) -> str:
    """What may have happened."""
    who = f" ({clean(cause.service)})" if cause.service else ""
    match cause.sort:
        case "failed":
            said = f"{clean(cause.service or 'a service')} failed at {_name(cause.of)}"
            said += f": {clean(cause.message)}" if cause.message else ""
        case "duplicated":
            again, same = _once_more(cause)
            said = f"{cause.step or _name(cause.of)} {again} again at {_at(cause.since_ns)}: the {same} once more"
        case "changed":
            said = _value_changed(cause)
        case "missing":
            move = f" from {value(cause.edits[0].value).replace(' -> ', ' to ')}" if cause.edits[0].value else ""
            said = f"{cause.step}{move} {_lacking(cause)}"
        case "extra":
            said = f"{cause.step or _name(cause.of)} at {_at(cause.since_ns)} is one too many{who}"
        case "swapped":
            one = cause.edits[0]
            said = f"{one.step or _name(one.of)} and {one.other_step or _name(one.other)} came in the wrong order"
        case "moved":
            said = f"{cause.step or _name(cause.of)} came too {_late(cause)}, at {_at(cause.since_ns)}{who}"
        case "paused":
            by = cause.edits[0].when_ns - (cause.edits[0].at_ns or 0)
            said = f"{cause.step or _name(cause.of)} came {_about(by)} late, at {_at(cause.edits[0].when_ns)}{who}"
            said += "; all that followed from it is as late" if len(cause.edits) > 1 else ""
        case "clock":
            by = (cause.edits[0].at_ns or 0) - cause.edits[0].when_ns
            said = f"the clock of {clean(cause.service or '')} is {_about(abs(by))} {'slow' if by > 0 else 'fast'}"
        case "silent":
            since = f" after {_at(cause.since_ns)}" if cause.since_ns is not None else ""
            said = (
                f"nothing was seen of {clean(cause.service or 'a service')}{since}: {listed(cause.steps)} are missing"
            )
        case _:
            said = f"{cause.sort} at {clean(cause.service or 'a service')}"
    return clean(said, most=None)


def _once_more(cause: Cause) -> tuple[str, str]:
    """What happened twice, and what it was."""
    row = cause.of.row if cause.of is not None else None
    if isinstance(row, Record):
        return "was published", "same data"
    handled = isinstance(row, Span) and consumes(row)
    return ("was handled", "same message") if handled else ("happened", "same request")


def _lacking(cause: Cause) -> str:
    """What did not happen, and where it should have."""
    who = clean(cause.service or "")
    if isinstance(cause.edits[0].row, Record):
        return f"was not published{f' by {who}' if who else ''}"
    return f"is missing{f' at {who}' if who else ''}"


def follows(cause: Cause) -> str | None:
    """What lacks only because of it."""
    more = [s for s in cause.steps if s != cause.step]
    if not more or cause.sort not in ("missing", "failed"):
        return None
    return clean(f"{listed(more)} {'is' if len(more) == 1 else 'are'} missing only because of it", most=None)


def explains(cause: Cause) -> str:
    """How many findings it explains."""
    return f"explains {len(cause.explains)} of {count(cause.among, 'finding')}"


def repair(repair: Repair) -> str:
    """The fewest edits with which the rule holds."""
    edits = _folded(repair.edits)
    n = len(repair.edits)
    many = "" if n == 1 else f" ({'' if repair.least else 'at most '}{count(n, 'edit')})"
    return f"{'; '.join(edits)}{many}"


def nearest(nearest: Nearest) -> str:
    """The nearest flow that passed, and what is different there."""
    parts = [
        f"{step} {_often(there)} (here {_often(here)})" for step, here, there in (*nearest.missing, *nearest.extra)
    ]
    parts += [f"{second} before {first}" for first, second in nearest.order]
    parts += [f"{clean(name)} is {_values(there)} (here {_values(here)})" for name, here, there in nearest.values]
    same = "the same steps as often, in the same order, with the same facts"
    shown = parts[:MOST_DIFFERENCES] + (
        [f"{len(parts) - MOST_DIFFERENCES} more differences"] if len(parts) > MOST_DIFFERENCES else []
    )
    return clean(f"{nearest.key}: there {listed(shown) if shown else same}", most=None)


MOST_DIFFERENCES = 6
MOST_VALUES = 4


def groups(flow: FlowVerdict) -> list[tuple[Cause | None, list[Explained]]]:
    """What is wrong in a flow by its causes: under each what it explains, the finding that shows it best first."""
    wrong = [
        (rule, n, judged)
        for rule in flow.assertions
        for n, judged in enumerate(rule.findings)
        if rule.verdict in (Verdict.VIOLATED, Verdict.ERROR) and judged.verdict is rule.verdict
    ]
    out: list[tuple[Cause | None, list[Explained]]] = []
    done: set[tuple[str, int]] = set()
    for one in flow.diagnosis.causes if flow.diagnosis is not None else ():
        mine = [(rule, n, j) for rule, n, j in wrong if (rule.id, n) in one.explains and (rule.id, n) not in done]
        done |= {(rule.id, n) for rule, n, _ in mine}
        if mine:
            best = sorted(mine, key=lambda item: not _shows(item[2].finding, one))
            out.append((one, [(rule, j) for rule, _, j in best]))
    out += [(None, [(rule, j)]) for rule, n, j in wrong if (rule.id, n) not in done]
    return out


def _shows(finding: Finding, cause: Cause) -> bool:
    """Whether a finding is of what the cause is of."""
    rows = {e.of.row.id for e in finding.evidence}
    mine = cause.of is not None and cause.of.row.id in rows
    if cause.sort == "failed":
        return mine and not isinstance(finding, Unexpected)
    return mine or (cause.step is not None and finding.step == cause.step)


def _about(ns: int) -> str:
    """A time span to a tenth of a second."""
    return f"about {duration(round(ns, -8) if ns >= 10**8 else ns)}"


def _late(cause: Cause) -> str:
    at_ns = cause.edits[0].at_ns
    return "late" if at_ns is not None and at_ns < (cause.since_ns or 0) else "early"


def _value_changed(cause: Cause) -> str:
    first, later = cause.edits[0], len(cause.edits) - 1
    if first.other is not None:
        return _one_or_two(first, as_one=cause.as_one)
    where = cause.step or _name(cause.of)
    name = clean(first.attribute or "a value")
    who = clean(cause.service or "whoever made it")
    rows = f"; {count(later, 'other observation')} {'has' if later == 1 else 'have'} it too" if later else ""
    if first.seen is None:
        return f"{who} left {name} out at {where}{rows}"
    row = cause.of.row if cause.of is not None else None
    if isinstance(row, Span) and consumes(row):  # it may have been told so
        return f"{name} is {value(first.seen)} in place of {value(first.value)}, first seen at {where} ({who}){rows}"
    return f"{who} put {name}={value(first.seen)} in place of {value(first.value)} at {where}{rows}"


def _one_or_two(edit: Edit, *, as_one: bool) -> str:
    """Two that count as one for the value that they share, or as two for one in which they differ."""
    assert edit.of is not None
    assert edit.other is not None
    step, name = edit.step or _name(edit.of), clean(edit.attribute or "a value")
    one, other = sorted((edit.of, edit.other), key=lambda o: o.first_ns)
    who = f"{step} at {_at(one.first_ns)} and at {_at(other.first_ns)}"
    if as_one:
        return f"{who} are different messages, but both say {name}={value(edit.seen)}, so they count as one"
    says = f"one says {value(edit.value)}, the other {'nothing' if edit.seen is None else value(edit.seen)}"
    return f"{who} are the same but for {name} ({says}), so they count as two"


def _folded(edits: Sequence[Edit]) -> list[str]:
    """Each edit in words; those that set one value to another together."""
    alike: dict[tuple[object, ...], list[Edit]] = {}
    for n, one in enumerate(edits):
        values = (one.attribute, value(one.seen), value(one.value)) if one.sort == "changed" else n
        alike.setdefault((one.sort, values), []).append(one)
    told = Counter(
        edit(group[0]) + (f" and {len(group) - 1} more" if len(group) > 1 else "") for group in alike.values()
    )
    return [text if n == 1 else f"{text}, {n} times" for text, n in told.items()]


def edit(edit: Edit) -> str:
    """One change of a flow."""
    what = clean(edit.step or _name(edit.of))
    match edit.sort:
        case "missing":
            move = f" from {value(edit.value).replace(' -> ', ' to ')}" if edit.value else ""
            return f"a {what}{move} at {_at(edit.at_ns)}"
        case "extra":
            return f"no {what} at {_at(edit.when_ns)}"
        case "swapped":
            return f"{what} and {clean(edit.other_step or _name(edit.other))} in the other order"
        case "moved":
            return f"{what} at {_at(edit.at_ns)} instead of {_at(edit.when_ns)}"
        case "failed":
            return f"{clean(edit.service or '')} {_name(edit.of)} without its error".strip()
    to = "nothing" if edit.value is None else value(edit.value)
    return f"{clean(edit.attribute or '')} {to} instead of {value(edit.seen)} at {what}"


def _values(seen: Value) -> str:
    """One value, or several by time."""
    if not isinstance(seen, tuple):
        return value(seen)
    more = len(seen) - MOST_VALUES
    return " then ".join(map(value, seen[:MOST_VALUES])) + (f" and {more} more" if more > 0 else "")


def _often(times: int) -> str:
    return "never" if times == 0 else "once" if times == 1 else f"{times} times"


def _at(ns: int | None) -> str:
    return "an unknown time" if ns is None else moment(ns)[11:23] if "T" in moment(ns) else moment(ns)


def _name(o: Observation | None) -> str:
    return "an operation" if o is None else clean(o.name)


def _is_record(o: Observation | None) -> bool:
    return o is not None and isinstance(o.row, Record)
