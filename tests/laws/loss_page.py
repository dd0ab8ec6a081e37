"""The page of the loss matrix: docs/explanation/loss-matrix.md.

In: the whole matrix. Out: Markdown. `python -m tests.laws.loss_matrix` writes it, if no verdict is wrong.
"""

from collections import defaultdict
from collections.abc import Mapping

from tests.laws.loss_matrix import Cell, Place
from verifier.mutate import Truth

MADE = "<!-- Made by python -m tests.laws.loss_matrix; don't edit -->"
MEANS: Mapping[str, tuple[str, Truth]] = {
    "drop_span": ("a span never arrives", "lost"),
    "drop_record": ("a record is not read", "lost"),
    "drop_event": ("a span event is not there", "lost"),
    "drop_event_said": ("a span event was dropped, and counted", "lost"),
    "drop_attribute_said": ("an attribute was dropped, and counted", "lost"),
    "drop_service": ("no span of a service arrives", "lost"),
    "drop_topic": ("no record of a topic is read", "lost"),
    "truncate": ("the file of spans breaks off", "lost"),
    "orphan": ("a parent that nobody saw", "lost"),
    "new_root": ("a span or record lost its context", "lost"),
    "stop_early": ("the input ends early", "unchanged"),
    "repeat": ("a span or record arrives twice", "unchanged"),
    "redeliver": ("a record is published again, the same to the letter", "unchanged"),
    "all_later": ("everything at another time", "unchanged"),
    "shift_clock": ("a service's clock is 4 ms off (5 are allowed)", "unchanged"),
    "shift_clock_far": ("a service's clock is 1 s or 2 h off", "unchanged"),
    "publish_again": ("a record is published again as a new message", "changed"),
    "handle_again": ("a span happens a second time", "changed"),
    "delay_alone": ("a row comes 10 min later", "changed"),
    "delay": ("a row and what it caused come 10 min later", "changed"),
    "delay_rest": ("a row and all after it come 10 min later", "changed"),
    "swap": ("two neighbours change their times", "changed"),
    "change_value": ("a value is another one", "changed"),
    "remove_value": ("a value was never written", "changed"),
    "fail": ("a span ends in an error", "changed"),
    "mix_ids": ("a row carries another flow's id", "changed"),
}
ANNOUNCED = ("drop_event_said", "drop_attribute_said", "truncate", "orphan")


def page(total: Mapping[Place, Cell], *, every: int = 1) -> str:
    """The whole page."""
    judged = sum(cell.mutants for cell in total.values())
    wrong = sum(len(cell.wrong) for cell in total.values())
    each = "every single mutation" if every == 1 else f"one mutation in {every} of each kind"
    lines = [
        MADE,
        "# The loss matrix",
        "",
        f"Every batch of the recorded captures whose truth is known, and {each} of it: what does the",
        f"verifier say then? **{judged:,} verdicts, {wrong} wrong.** To see it again (some minutes):",
        "",
        "```sh",
        ".venv/bin/python -m tests.laws.loss_matrix",
        "```",
        "",
        "What a mutation means for the truth:",
        "",
        "- *unchanged*: telemetry was damaged or repeated. A good batch is never violated, a bad one never satisfied.",
        "  (Where the input ends early, a bad batch may not have gone wrong yet.)",
        "- *lost*: evidence is gone. The same holds under the premise `lossy`. Under `complete` what was not seen did",
        "  not happen, so anything may follow, unless the loss is announced (marked *): then it holds there too.",
        "- *changed*: it pretends that the business did something else. Anything may follow; but what is final under",
        "  `lossy` is never the opposite under `complete`.",
        "",
        "No rule of a batch may turn over either. *Decided* is the share of batches that were still satisfied or",
        "violated, in brackets the share of rules: a verifier that always says inconclusive is never wrong either.",
        "",
    ]
    for records in (True, False):
        lines += _table(total, records=records)
    return "\n".join(lines).rstrip() + "\n"


def _table(total: Mapping[Place, Cell], *, records: bool) -> list[str]:
    columns: tuple[tuple[str, bool], ...] = (("complete", True), ("complete", False), ("lossy", True), ("lossy", False))
    lines = [
        f"## {'With' if records else 'Without'} records",
        "",
        "| mutation | truth | mutants | good, complete | bad, complete | good, lossy | bad, lossy | wrong |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    cells: dict[str, dict[tuple[str, bool], Cell]] = defaultdict(dict)
    for (kind, premise, good, with_records), cell in total.items():
        if with_records == records:
            cells[kind][premise, good] = cell
    for kind, (what, truth) in MEANS.items():
        if kind not in cells:
            continue
        mutants = sum(c.mutants for (premise, _), c in cells[kind].items() if premise == "complete")
        shares = [_share(cells[kind].get(column)) for column in columns]
        wrong = sum(len(c.wrong) for c in cells[kind].values())
        mark = "*" if kind in ANNOUNCED else ""
        lines.append(f"| {what} | {truth}{mark} | {mutants} | {' | '.join(shares)} | {wrong} |")
    return [*lines, ""]


def _share(cell: Cell | None) -> str:
    if cell is None or not cell.mutants:
        return "–"
    return f"{100 * cell.decided / cell.mutants:.0f} % ({100 * cell.rules_decided / max(cell.rules, 1):.0f} %)"
