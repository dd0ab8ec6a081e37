"""A flow in words: the whole story, rule by rule, with evidence and what it rests on.

In: verdicts, absences, losses, strays as data. Out: labelled lines, or plain text of 80 columns.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from verifier.clock import INFINITY_NS
from verifier.diagnosis import Cause
from verifier.flows import Stray
from verifier.spans import Loss, Record, Span
from verifier.verdict import (
    WORST_FIRST,
    Absence,
    AssertionVerdict,
    Evidence,
    FlowVerdict,
    Judged,
    Missing,
    RunVerdict,
    Verdict,
)
from verifier.wording import causes, why
from verifier.wording.findings import basis, expected, headline, observed
from verifier.wording.text import Row, clean, count, from_to, layout, listed, moment

NAMED_BETTER = {
    "lost event": frozenset({"failed", "paused", "moved", "duplicated", "changed", "extra", "swapped", "clock"}),
    "premature start": frozenset({"failed", "paused", "missing", "silent", "clock"}),
}
"""Causes that say better what happened than the finding's name: what came late wasn't lost, and what waited for it in
vain didn't start too early by itself."""
MOST_FINDINGS, MOST_EVIDENCE, MOST_PREMISES = 5, 6, 6


def absence(absence: Absence) -> str:
    """What is claimed not to have come, and until when."""
    rows = [word for word, asked in (("span", absence.spans), ("record", absence.records)) if asked]
    what = listed(absence.steps, "or") if absence.steps else " or ".join(rows) or "observation"
    until = "before the flow ends" if absence.until_ns is None else f"before {moment(absence.until_ns)}"
    if absence.run:
        until = "in any flow of the run"
    return clean(f"no further {what} {until}", most=None)


def loss(loss: Loss) -> str:
    """A sign that observations are missing: how many, of what kind, where."""
    said = f"{loss.count} × {loss.kind.replace('_', ' ')} at {clean(loss.where)}"
    return f"{said}: {clean(loss.what)}" if loss.what else said


def stray(stray: Stray) -> str:
    """A row in no flow, and why."""
    row = stray.row
    if isinstance(row, Record):
        what = f"record {clean(row.topic)} {row.partition}:{row.offset}"
    else:
        what = f"span {clean(row.name)} of {clean(row.service)}"
    if stray.alias is None:
        why = "it carries no key, and nothing ties it to a row that does"
    elif len(stray.leads_to) > 1:
        keys = _more([clean(key) for key in stray.leads_to], 5)
        why = f"{stray.alias} {clean(stray.value or '')} leads to {len(stray.leads_to)} flows: {keys}"
    else:
        why = f"{stray.alias} {clean(stray.value or '')} leads to no flow"
    return clean(f"{what} is in no flow: {why}", most=None)


def witness(evidence: Evidence) -> str:
    """An observation under the name that it plays: who and what, when, and the ids to find it by; each on a line."""
    of, row = evidence.of, evidence.of.row
    if isinstance(row, Record):
        said = f"record {clean(row.topic)} {row.partition}:{row.offset}\n{_period(evidence)}"
    else:
        name = clean(row.name) if of.event is None else f"event {clean(of.event.name)} in {clean(row.name)}"
        ids = f"trace {clean(row.trace_id)} span {clean(row.span_id)}"
        said = f"{clean(row.service)} {name}\n{_period(evidence)}\n{ids}"
    if evidence.flow is not None:
        said += f"\nflow {clean(evidence.flow)}"
    return f"{clean(evidence.role)} = {said}"


def flow_headline(flow: FlowVerdict) -> str:
    """Why the flow has its verdict, in one fragment."""
    if flow.reason:
        return clean(flow.reason, most=None)
    told = causes.groups(flow) if flow.verdict is Verdict.VIOLATED and flow.diagnosis is not None else []
    if told and (cause := told[0][0]) is not None:
        judged = told[0][1][0][1]
        likely = f"; likely cause: {causes.cause(cause)}" if _adds(cause, judged) else ""
        return clean(f"{headline(judged)}{likely}", most=None)
    for rule in flow.assertions:
        if rule.verdict is flow.verdict:
            for judged in rule.findings:
                if judged.verdict is rule.verdict:
                    return headline(judged)
    if flow.verdict is Verdict.SATISFIED:
        held = sum(rule.verdict is Verdict.SATISFIED for rule in flow.assertions)
        return f"{count(held, 'rule')} held"
    if flow.due_ns is not None:
        return f"it is not over; the next rule is due at {moment(flow.due_ns)}"
    return "it is not over" if flow.verdict is Verdict.PENDING else "no rule says more"


def across(run: RunVerdict) -> str:
    """What a rule says of the whole run, in one fragment."""
    rule = run.rule
    which = f"{clean(run.shape)} {clean(rule.id)} across {count(run.flows, 'flow')}"
    judged = next((j for j in rule.findings if j.verdict is rule.verdict), None)
    if judged is not None:
        return f"{which}: {headline(judged)}"
    if rule.verdict is Verdict.PENDING:
        due = "" if rule.due_ns is None else f" until {moment(rule.due_ns)}"
        return f"{which}: another flow may still decide it{due}"
    return f"{which}: {'too little to compare' if rule.verdict is Verdict.VACUOUS else 'it held'}"


def account(rule: AssertionVerdict) -> list[Row]:
    """A rule on a flow as labelled lines; a line without label is the heading of a finding."""
    rows: list[Row] = []
    place = f" ({clean(rule.at)})" if rule.at else ""
    for judged in rule.findings[:MOST_FINDINGS]:
        anomaly = f" [{judged.finding.anomaly}]" if judged.finding.anomaly else ""
        rows.append(("", f"{judged.verdict} {rule.id}{place}: {headline(judged)}{anomaly}"))
        rows += _details(judged)
    if not rule.findings:
        rows.append(("", f"{rule.verdict} {rule.id}{place}"))
    elif len(rule.findings) > MOST_FINDINGS:
        rows.append(("", f"and {len(rule.findings) - MOST_FINDINGS} more findings of {rule.id}"))
    return rows


def explained(flow: FlowVerdict, rules: frozenset[str] | None = None) -> list[list[Row]]:
    """What is wrong in a flow, as blocks of labelled lines: a likely cause with what it explains, each thing once.

    The finding that shows a cause best is told in full, the others that it explains in a line each. `rules` narrows
    down which rules are told of.
    """
    blocks: list[list[Row]] = []
    more: Counter[str] = Counter()
    for cause, found in causes.groups(flow):
        mine = [(rule, judged) for rule, judged in found if rules is None or rule.id in rules]
        if not mine:
            continue
        (rule, judged), *others = mine
        if cause is None:
            more[rule.id] += 1
            if more[rule.id] > MOST_FINDINGS:
                continue
        rows = _full(rule, judged, cause)
        also = Counter(f"{r.id}{_place(r)}: {headline(j)}{_anomaly(j, cause)}" for r, j in others)
        told = [text if n == 1 else f"{text}, {n} times" for text, n in also.items()]
        rows += [("Also", text) for text in _bounded(told, MOST_FINDINGS)]
        blocks.append(rows)
    for name, n in more.items():
        if n > MOST_FINDINGS:
            blocks.append([("", f"and {count(n - MOST_FINDINGS, 'more finding')} of {name}")])
    if blocks and flow.diagnosis is not None:
        if flow.diagnosis.nearest is not None:
            blocks.append([("Passed", f"nearest flow that passed: {causes.nearest(flow.diagnosis.nearest)}")])
        if flow.diagnosis.capped:
            blocks[-1].append(("Note", "there were more candidates for a cause than were tried"))
    return blocks


def story(flow: FlowVerdict) -> str:
    """The flow in plain text: the whole story in the first line, which is not wrapped; then, in 80 columns, why."""
    key = clean(flow.key)
    short = key if len(key) <= 12 else f"{key[:8]}…"
    said = "no shape" if flow.verdict is None else f"{clean(flow.shape or 'no shape')} {flow.verdict}"
    out = [f"{said} for {clean(flow.name)}={short}: {flow_headline(flow)}"]
    out += layout([("Flow", f"{clean(flow.name)}={key}"), ("Rows", size(flow))])
    for block in explained(flow):
        out += ["", *layout(block, indent="  ")]
    unsure = [rule for rule in flow.assertions if rule.verdict is Verdict.INCONCLUSIVE]
    if flow.verdict is Verdict.VIOLATED and unsure:  # what is wrong comes first; a screen is enough
        said = f"inconclusive {count(len(unsure), 'rule')}: {_more([rule.id for rule in unsure], 20)}"
        out += ["", *layout([("", said)], indent="  ")]
    else:
        for rule in unsure:
            out += ["", *layout(account(rule), indent="  ")]
    summary = pending(flow)
    if summary is not None:
        out += ["", *layout([("", summary)], indent="  ")]
    return "\n".join(out)


def story_across(run: RunVerdict) -> str:
    """A rule of the whole run in plain text: what it says in the first line, which is not wrapped; then why."""
    out = [f"{run.rule.verdict}: {across(run)}"]
    if run.rule.findings:
        out += ["", *layout(account(run.rule), indent="  ")]
    return "\n".join(out)


def pending(flow: FlowVerdict) -> str | None:
    """Which rules of a flow are not decided yet, and when the next can be."""
    rules = [rule for rule in flow.assertions if rule.verdict is Verdict.PENDING]
    if not rules:
        return None
    due = min((rule.due_ns for rule in rules if rule.due_ns is not None), default=None)
    when = "" if due is None else f", the next due at {moment(due)}"
    return f"pending {count(len(rules), 'rule')}{when}: {_more([rule.id for rule in rules], 20)}"


def worst_first(rules: Iterable[AssertionVerdict]) -> list[AssertionVerdict]:
    """The rules of a flow, the worst first, else as the shape has them."""
    return sorted(rules, key=lambda rule: WORST_FIRST.index(rule.verdict))


def size(flow: FlowVerdict) -> str:
    """How much was seen of a flow, and from when until when."""
    said = f"{count(flow.spans, 'span')} and {count(flow.records, 'record')} in {count(len(flow.traces), 'trace')}"
    if flow.opened_ns is not None and flow.last_seen_ns is not None:
        said += f", {from_to(flow.opened_ns, flow.last_seen_ns)}"
    return said


def _full(rule: AssertionVerdict, judged: Judged, cause: Cause | None) -> list[Row]:
    """A finding with all that is known of it."""
    finding = judged.finding
    rows: list[Row] = [("", f"{judged.verdict} {rule.id}{_place(rule)}: {headline(judged)}{_anomaly(judged, cause)}")]
    if not finding.evidence or isinstance(finding, Missing):
        at = " at ".join(clean(part) for part in (finding.step, finding.service) if part)
        rows += [("Step", at)] if at else []
    rows += [("Let", text) for text in _bounded(why.let(finding), MOST_EVIDENCE)]
    sentences = (("Then", why.then(finding)), ("However", why.however(judged)))
    rows += [(label, text) for label, text in sentences if text]
    if cause is not None:
        more = causes.follows(cause)
        said = f"likely one ({causes.explains(cause)}): {causes.cause(cause)}"
        rows.append(("Cause", f"{said}; {more}" if more else said))
    if rule.repair is not None:
        rows.append(("Repair", f"nearest: the rule would hold with {causes.repair(rule.repair)}"))
    drawn = why.sketch(judged)
    rows += [("Sketch", drawn.rstrip("\n"))] if drawn else []
    rows += [("Premise", clean(text)) for text in _bounded(judged.premises, MOST_PREMISES)]
    if judged.reason and judged.reason != finding.doubt:
        rows.append(("Why", clean(judged.reason, most=None)))
    every = [e.of.row for e in finding.evidence]
    seen = next((row for row in every if isinstance(row, Span)), every[0] if every else None)
    rows += [("See", _where(seen))] if seen is not None else []
    of = cause.of.row if cause is not None and cause.of is not None else None
    if of is not None and of != seen:
        rows.append(("See", f"{_where(of)}, the cause"))
    return rows


def _where(row: Span | Record) -> str:
    """Where a row is found again, in a back-end or a broker."""
    if isinstance(row, Span):
        return f"trace {clean(row.trace_id)} span {clean(row.span_id)}"
    return f"record of {clean(row.topic)}, partition {row.partition}, offset {row.offset}"


def _adds(cause: Cause, judged: Judged) -> bool:
    """Whether the cause says more than the finding's own title."""
    failed = {e.of.row.id for e in judged.finding.evidence if e.role == "failed"}
    shown = cause.of is not None and cause.of.row.id in {e.of.row.id for e in judged.finding.evidence[-1:]}
    elsewhere = cause.sort == "changed" and (cause.edits[0].other is not None or not shown)
    return (cause.sort in causes.TOLD or elsewhere) and not (cause.of is not None and cause.of.row.id in failed)


def _place(rule: AssertionVerdict) -> str:
    return f" ({clean(rule.at)})" if rule.at else ""


def _anomaly(judged: Judged, cause: Cause | None) -> str:
    """The finding's name, where its cause doesn't say better."""
    name = judged.finding.anomaly
    if cause is not None and cause.sort in NAMED_BETTER.get(name or "", ()):
        return ""
    return f" [{name}]" if name else ""


def _details(judged: Judged) -> Iterator[Row]:
    """What stands under the heading of a finding."""
    finding = judged.finding
    at = " at ".join(clean(part) for part in (finding.step, finding.service) if part)
    facts = (
        ("Step" if finding.step else "Service", at),
        ("Expected", expected(finding)),
        ("Seen", observed(finding)),
        ("Basis", basis(finding)),
    )
    yield from ((label, text) for label, text in facts if text)
    yield from (("Evidence", text) for text in _bounded(list(map(witness, finding.evidence)), MOST_EVIDENCE))
    yield from (("Premise", clean(text)) for text in _bounded(judged.premises, MOST_PREMISES))
    if judged.reason and judged.reason != finding.doubt:
        yield "Why", clean(judged.reason, most=None)
    if judged.settled_by:
        yield "Settled by", clean(judged.settled_by, most=None)
    if judged.due_ns is not None:
        yield "Due", moment(judged.due_ns)


def _bounded(texts: Sequence[str], most: int) -> list[str]:
    return [*texts] if len(texts) <= most else [*texts[:most], f"and {len(texts) - most} more"]


def _more(texts: Sequence[str], most: int) -> str:
    return ", ".join(texts) if len(texts) <= most else f"{', '.join(texts[:most])} and {len(texts) - most} more"


def _period(evidence: Evidence) -> str:
    """From when until when the observation was."""
    start, end = evidence.start, evidence.end
    if isinstance(evidence.of.row, Record):
        return f"?..{moment(start.hi)}" if start.lo <= -INFINITY_NS // 2 else from_to(start.lo, start.hi)
    return f"{moment(start.lo)}..?" if end.hi >= INFINITY_NS // 2 else from_to(start.lo, end.hi)
