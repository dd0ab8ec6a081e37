"""terminal: the report for people, at 80 columns, with or without colour.

In: a `Report`. Out: the whole story first; then what casts doubt on the run, the flows that went wrong and why, what
holds across flows, a table of all flows, and the command that judges again. Colour adds, it never carries.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verifier import wording
from verifier.anomalies import doubts
from verifier.reports import Look
from verifier.verdict import WORST_FIRST, AssertionVerdict, FlowVerdict, Judged, Report, Verdict
from verifier.wording import Row, clean, count, layout, moment, wrap

STYLES = {
    Verdict.VIOLATED: "bold red",
    Verdict.ERROR: "bold magenta",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.PENDING: "cyan",
    Verdict.SATISFIED: "green",
}
MOST_ROWS, MOST_SATISFIED, MOST_LOSSES = 100, 20, 10
NARROWEST = 40
Line = tuple[str, str]
"""A line and its style."""


def write(report: Report, out: TextIO, look: Look) -> None:
    """Writes the report for people; without escape codes where `out` is no terminal, unless colour is asked for."""
    tty = out.isatty()
    color = look.color if look.color is not None else tty and not os.environ.get("NO_COLOR")
    width = max(look.width or _columns(tty), NARROWEST)
    page = StringIO()
    console = Console(
        file=page,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    names = shorten(flow.key for flow in report.flows)
    for line, style in _above(report, names, width=width, budget=_Budget(most=look.max_explained)):
        console.print(Text(line, style=style), soft_wrap=True)
    if report.flows:
        console.print()
        console.print(_table(report.flows, names))
        for line in _left_out(report.flows):
            console.print(Text(line), soft_wrap=True)
    for line in _below(report, width):
        console.print(Text(line), soft_wrap=True)
    text = "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())
    encoding = out.encoding or "utf-8"  # a stream that can't write a sign gets its number, never an exception
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _columns(tty: bool) -> int:
    """How wide to write: as COLUMNS says, also where no terminal listens; else as wide as it is, or as usual."""
    if tty:
        return shutil.get_terminal_size().columns
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() and 0 < int(said) < 10_000 else wording.WIDTH


def shorten(keys: Iterable[str]) -> dict[str, str]:
    """Each key as short as it stays unique among them, at least 8 characters; whole where that saves little."""
    ordered = sorted(set(keys))
    out: dict[str, str] = {}
    for i, key in enumerate(ordered):
        near = (*ordered[max(i - 1, 0) : i], *ordered[i + 1 : i + 2])
        least = max([8, *(_alike(key, other) + 1 for other in near)])
        out[key] = clean(key, most=None) if len(key) <= least + 4 else f"{clean(key[:least], most=None)}…"
    return out


def _alike(a: str, b: str) -> int:
    """How many characters both begin with."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@dataclass(slots=True, kw_only=True)
class _Budget:
    """In how many flows a rule is still to be explained, and how many more there were."""

    most: int
    used: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, flow: FlowVerdict, rule: str) -> bool:
        """Whether this rule is explained for this flow too."""
        what = (flow.shape or "", rule)
        self.used[what] += 1
        return self.used[what] <= self.most

    def rest(self) -> list[str]:
        """What was not explained, counted; the count starts anew."""
        more = [
            f"{shape} {rule}: and {count(n - max(self.most, 0), 'more flow')}"
            for (shape, rule), n in sorted(self.used.items())
            if n > max(self.most, 0)
        ]
        self.used.clear()
        return more


# ---- above the table


def _above(report: Report, names: Mapping[str, str], *, width: int, budget: _Budget) -> Iterator[Line]:
    yield from _styled(wrap(_story(report, names), rest="  ", width=width), STYLES[report.verdict])
    yield from _styled(layout([("", text) for text in _doubts(report)], width=width), "yellow")
    for note in report.notes:
        yield from _styled(wrap(f"note: {clean(note, most=None)}", rest="  ", width=width))
    for verdict in WORST_FIRST:
        flows = [flow for flow in report.flows if flow.verdict is verdict]
        if verdict is Verdict.PENDING:
            yield from _pending(flows, names, width=width, budget=budget)
        elif verdict is not Verdict.SATISFIED:
            for flow in flows:
                yield from _explained(flow, width=width, budget=budget)
        more = budget.rest()
        if more:
            yield "", ""
        yield from _styled(layout([("", text) for text in more], width=width), STYLES.get(verdict, ""))
    yield from _across(report, width=width)


def _across(report: Report, *, width: int) -> Iterator[Line]:
    """The rules that judge the whole run: what is wrong in full, of the others one line each."""
    if not report.run_assertions:
        return
    yield "", ""
    yield "across flows", ""
    for run in sorted(report.run_assertions, key=lambda r: WORST_FIRST.index(r.rule.verdict)):
        rule, style = run.rule, STYLES.get(run.rule.verdict, "")
        if rule.verdict in (Verdict.VIOLATED, Verdict.ERROR):
            named = replace(rule, id=f"{run.shape} {rule.id}")
            yield from _rows(wording.account(named), style, width=width)
        else:
            yield from _styled(
                wrap(f"{rule.verdict}: {wording.across(run)}", first="  ", rest="    ", width=width), style
            )


def _story(report: Report, names: Mapping[str, str]) -> str:
    """The whole story of the run, in one sentence."""
    worst: dict[tuple[str, str], Verdict] = {}
    for flow in report.flows:
        if flow.verdict is not None:
            last = worst.get((flow.name, flow.key), flow.verdict)
            worst[flow.name, flow.key] = min(last, flow.verdict, key=WORST_FIRST.index)
    verdicts = [*worst.values()]
    many = f"{verdicts.count(report.verdict)} of {count(len(verdicts), 'flow')}"
    if unjudged := len({(flow.name, flow.key) for flow in report.flows} - worst.keys()):
        many += f" ({unjudged} more judged by no shape)"
    if report.reason is not None:
        wrong = verdicts.count(Verdict.VIOLATED)
        also = f"; {wrong} of {count(len(verdicts), 'flow')} violated" if wrong else ""
        return f"{report.verdict}: {clean(report.reason, most=None)}{also}"
    first = next((flow for flow in report.flows if flow.verdict is report.verdict), None)
    if first is None:
        runs = [run for run in report.run_assertions if run.rule.verdict is report.verdict]
        if runs and report.verdict is Verdict.SATISFIED:
            among = count(max(run.flows for run in runs), "flow")
            return f"satisfied: {count(len(runs), 'rule')} held across {among}{_strictly(report)}"
        return f"{report.verdict}: {wording.across(runs[0]) if runs else 'no flow was judged'}"
    if report.verdict is Verdict.SATISFIED:
        rules = sum(r.verdict is not Verdict.VACUOUS for f in report.flows if f.verdict for r in f.assertions)
        held = sum(run.rule.verdict is Verdict.SATISFIED for run in report.run_assertions)
        across = f", {held} of them across flows" if held else ""
        return f"satisfied: {many}, {count(rules + held, 'rule')} checked{across}{_strictly(report)}"
    if report.verdict is Verdict.PENDING:
        due = min(
            (f.due_ns for f in report.flows if f.verdict is Verdict.PENDING and f.due_ns is not None), default=None
        )
        if due is not None:
            many += f", the next due at {moment(due)}"
    which = f"{first.shape} {clean(first.name)}={names[first.key]}"
    return f"{report.verdict}: {many}: {which}: {wording.flow_headline(first)}"


def _strictly(report: Report) -> str:
    """What makes a strict run fail although every flow is satisfied."""
    if report.exit_code == 0:
        return ""
    steps, rules = len(report.unmatched_steps), len(report.unfired)
    what = [f"{count(steps, 'step')} matched nothing"] if steps else []
    what += [f"{count(rules, 'rule')} never applied"] if rules else []
    return f"; but strict: {' and '.join(what)}"


def _doubts(report: Report) -> Iterator[str]:
    """What makes all verdicts doubtful: steps that matched nothing, sources that broke off, signs of loss."""
    if report.unmatched_steps:
        yield f"steps that matched nothing in any flow: {_joined(report.unmatched_steps)} (a renamed span?)"
    for source in report.sources:
        if source.failed is not None and source.failed not in (report.reason or ""):
            yield f"{clean(source.url, most=None)} broke off: {clean(source.failed, most=None)}"
    losses = [
        (source.url, loss)
        for source in report.sources
        for loss in source.losses
        if loss.demotes and not (loss.what and loss.what in (source.failed or ""))  # said already, as the cause
    ]
    for url, loss in losses[:MOST_LOSSES]:
        yield f"observations may be missing in {clean(url, most=None)}: {wording.loss(loss)}"
    if len(losses) > MOST_LOSSES:
        yield f"and {len(losses) - MOST_LOSSES} more signs of loss"


def _explained(flow: FlowVerdict, *, width: int, budget: _Budget) -> Iterator[Line]:
    """A flow that is not satisfied: what is wrong in full; what can't be told by its reasons."""
    assert flow.verdict is not None
    rules = wording.worst_first(flow.assertions)
    wrong = [r for r in rules if r.verdict in (Verdict.VIOLATED, Verdict.ERROR) and budget.take(flow, r.id)]
    unsure = [r for r in rules if r.verdict is Verdict.INCONCLUSIVE and budget.take(flow, r.id)]
    reason = flow.reason is not None and budget.take(flow, "for such a reason")
    if not (wrong or unsure or reason):
        return
    yield "", ""
    heading = f"{flow.verdict} {flow.shape} {clean(flow.name)}={clean(flow.key)}"
    yield from _styled(wrap(heading, rest="  ", width=width), STYLES[flow.verdict])
    yield from _styled(wrap(wording.size(flow), first="  ", rest="  ", width=width))
    if flow.reason is not None:
        yield from _styled(wrap(clean(flow.reason, most=None), first="  ", rest="  ", width=width))
        if wrong:
            yield "  so all that follows is so only if this shape applies to the flow", ""
    for block in wording.explained(flow, frozenset(rule.id for rule in wrong)):
        yield "", ""
        yield from _rows(block, STYLES[flow.verdict], width=width)
    for rows in _by_reason(unsure):
        yield "", ""
        yield from _rows(rows, STYLES[Verdict.INCONCLUSIVE], width=width)
    waiting = wording.pending(flow)
    if waiting is not None:
        yield "", ""
        yield from _rows([("", waiting)], STYLES[Verdict.PENDING], width=width)


def _by_reason(rules: Sequence[AssertionVerdict]) -> Iterator[list[Row]]:
    """Inconclusive rules, those together that one thing would settle."""
    groups: dict[tuple[str, str], list[tuple[AssertionVerdict, Judged]]] = {}
    for rule in rules:
        judged = next(j for j in rule.findings if j.verdict is rule.verdict)
        why = judged.reason or wording.title(judged.finding)
        groups.setdefault((why, judged.settled_by or ""), []).append((rule, judged))
    for (why, settled_by), group in groups.items():
        rule, judged = group[0]
        if len(group) == 1:
            place = f" ({clean(rule.at)})" if rule.at else ""
            rows = [("", f"inconclusive {rule.id}{place}: {wording.headline(judged)}")]
        else:
            rows = [
                ("", f"inconclusive, {count(len(group), 'rule')}: {clean(why, most=None)}"),
                ("Rules", _joined([rule.id for rule, _ in group])),
            ]
        yield [*rows, *([("Settled by", clean(settled_by, most=None))] if settled_by else [])]


def _pending(flows: Sequence[FlowVerdict], names: Mapping[str, str], *, width: int, budget: _Budget) -> Iterator[Line]:
    shown = [flow for flow in flows if budget.take(flow, "pending")]
    if shown:
        yield "", ""
    for flow in sorted(shown, key=lambda f: (f.due_ns is None, f.due_ns or 0)):
        which = f"pending {flow.shape} {clean(flow.name)}={names[flow.key]}"
        yield from _styled(wrap(f"{which}: {wording.flow_headline(flow)}", rest="    ", width=width), "cyan")


# ---- the table, and below it


def _table(flows: Sequence[FlowVerdict], names: Mapping[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for name in ("flow", "shape", "verdict"):
        table.add_column(name, overflow="fold", no_wrap=name == "verdict")
    for name in ("spans", "records"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("worst finding", overflow="fold", ratio=1)
    for verdict in (*STYLES, None):
        for flow in [f for f in flows if f.verdict is verdict][: _most(verdict)]:
            said = "-" if verdict is None else verdict.value
            table.add_row(
                Text(names[flow.key]),
                Text(flow.shape or "no shape applies"),
                Text(said, style=STYLES[verdict] if verdict is not None else ""),
                str(flow.spans),
                str(flow.records),
                Text(_worst(flow)),
            )
    return table


def _worst(flow: FlowVerdict) -> str:
    """The worst finding by its rule and its name: what it says stands above."""
    if flow.verdict in (Verdict.SATISFIED, None):
        return ""
    rules = [rule for rule in flow.assertions if rule.verdict is flow.verdict]
    if flow.reason is not None or not rules:
        return wording.flow_headline(flow)
    more = f", and {count(len(rules) - 1, 'more rule')}" if len(rules) > 1 else ""
    if flow.verdict is Verdict.PENDING:
        return f"{rules[0].id}: not yet due{more}"
    finding = next(j.finding for j in rules[0].findings if j.verdict is flow.verdict)
    unsure = flow.verdict is Verdict.INCONCLUSIVE and finding.anomaly and not doubts(finding.anomaly)
    perhaps = "perhaps " if unsure else ""
    return f"{rules[0].id}: {perhaps}{finding.anomaly or finding.word}{more}"


def _most(verdict: Verdict | None) -> int:
    return MOST_SATISFIED if verdict in (Verdict.SATISFIED, None) else MOST_ROWS


def _left_out(flows: Sequence[FlowVerdict]) -> Iterator[str]:
    """How many flows the table doesn't show."""
    for verdict in (*STYLES, None):
        more = sum(f.verdict is verdict for f in flows) - _most(verdict)
        if more > 0:
            yield f"and {more} more {'to which no shape applies' if verdict is None else verdict.value}"


def _below(report: Report, width: int) -> Iterator[str]:
    rows: list[Row] = []
    if report.unfired:
        rows.append(("Unfired", f"rules that never applied: {_joined(report.unfired)}"))
    excused = [wording.witness(e) for f in report.flows for r in f.assertions for e in r.excused]
    rows += [("Excused", text) for text in excused[:MOST_LOSSES]]
    if len(excused) > MOST_LOSSES:
        rows.append(("Excused", f"and {len(excused) - MOST_LOSSES} more"))
    if report.strays:
        rows.append(("Strays", f"{count(len(report.strays), 'row')} in no flow (verifier flows lists them)"))
    for source in report.sources:
        said = f"{clean(source.url, most=None)}: {count(source.spans, 'span')}, {count(source.records, 'record')}"
        aside = [wording.loss(loss) for loss in source.losses if not loss.demotes]
        more = f" and {len(aside) - MOST_LOSSES} more" if len(aside) > MOST_LOSSES else ""
        rows.append(("Source", said + (f"; set aside: {'; '.join(aside[:MOST_LOSSES])}{more}" if aside else "")))
    as_of = f"as of {moment(report.at_ns)}, " if report.at_ns else ""  # without an observation there is no "end"
    rows.append(("Judged", f"{as_of}assuming {clean(report.assume)}, by {report.version}"))
    yield ""
    yield from layout(rows, width=width)
    if report.again:
        yield ""
        yield f"again: {clean(report.again, most=None)}"  # one line, so that it can be copied


# ---- lines


def _rows(rows: Sequence[Row], style: str, *, width: int) -> Iterator[Line]:
    """Labelled rows as lines; the headings have the style."""
    for label, group in _runs(rows):
        yield from _styled(layout(group, indent="  ", width=width), "" if label else style)


def _runs(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Neighbouring rows with one label together, so that it is shown once."""
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i][0] != rows[start][0]:
            yield rows[start][0], [*rows[start:i]]
            start = i


def _styled(lines: Iterable[str], style: str = "") -> Iterator[Line]:
    return ((line, style) for line in lines)


def _joined(texts: Sequence[str]) -> str:
    return ", ".join(clean(text, most=None) for text in texts)
