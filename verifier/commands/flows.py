"""verifier flows: what belongs together, and why; and what belongs to nothing."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from verifier.commands import no_telemetry, once, sources
from verifier.errors import UsageError
from verifier.progress import progress_bar

if TYPE_CHECKING:
    from verifier.flows import Gathering
    from verifier.shape import Correlation

MOST_NEAR = 5_000
"""Among how many names the nearest is looked for."""


@click.command(epilog="Example: verifier flows --spans run.otlp.jsonl --records run.events.jsonl --flow 85e4cdbd")
@click.argument("shapes", nargs=-1, metavar="[SHAPE]...")
@sources
@click.option("--flow", "keys", multiple=True, metavar="KEY", help="Show this flow row by row (a beginning will do).")
@click.option(
    "--row",
    "ids",
    multiple=True,
    metavar="ID",
    help="Why a span, trace, message or correlation id is in a flow, or isn't (4 characters of it will do).",
)
@click.option("--strays", is_flag=True, help="Show only what is in no flow, and why.")
def flows(
    shapes: tuple[str, ...],
    spans: tuple[str, ...],
    records: tuple[str, ...],
    keys: tuple[str, ...],
    ids: tuple[str, ...],
    strays: bool,
) -> int:
    """Show what belongs together, and why; and what belongs to nothing.

    SHAPE says by which key; without one, the shapes that ship with the package. Exit code 3 if a source broke off.
    """
    from verifier import flowview
    from verifier.engine.plan import groups, names_of
    from verifier.engine.remarks import cycles
    from verifier.flows import gather
    from verifier.run import read
    from verifier.specfile import load_all, shipped

    no_telemetry(shapes)
    if not spans and not records:
        raise UsageError("nothing to read was given; give --spans FILE or --records FILE, or both")
    if strays and (keys or ids):
        other = "--flow" if keys else "--row"
        raise UsageError(f"--strays shows only what is in no flow, {other} something else; give one of them")
    once((*spans, *records))
    with progress_bar() as progress:
        evidence = read(spans, records, progress=progress)
    failed = [s.failed if s.url in s.failed else f"{s.url}: {s.failed}" for s in evidence.sources if s.failed]
    out = [f"not all was read: {text}" for text in failed]
    notes: list[str] = []
    gatherings = []
    for group in groups(load_all(shapes or shipped())):
        correlation = group[0].flow
        found = gather(evidence.spans, evidence.records, correlation=correlation, attributes=names_of(group[0]))
        gatherings.append((found, correlation))
        notes += cycles(found)
    try:
        _all_there(gatherings, keys, ids)
    except UsageError as error:
        raise UsageError("\n".join((str(error), *(f"not all was read: {text}" for text in failed)))) from None
    for found, correlation in gatherings:
        if strays:
            out += flowview.strays_by_reason(found.strays, correlation)
        for wanted in ids:
            out += flowview.about(found, wanted, correlation)
        for wanted in keys:
            for key in sorted(key for key in found.flows if key.startswith(wanted)):
                out += flowview.rows(found.flows[key], found)
        if not (strays or ids or keys):
            out += flowview.summary(found, correlation)
    for loss in evidence.losses:
        if not (loss.what and any(loss.what in text for text in failed)):
            notes.append(f"{loss.what or loss.kind} ({loss.where}, {loss.count} x)")
    out += [f"note: {note}" for note in dict.fromkeys(notes)]
    click.echo(flowview.lines(out), nl=False)
    return 3 if failed else 0


def _all_there(gatherings: "Sequence[tuple[Gathering, Correlation]]", keys: Sequence[str], ids: Sequence[str]) -> None:
    """UsageError for what was asked for and is not there, with what may have been meant."""
    from verifier import flowview

    wrong = []
    there = sorted({key for found, _ in gatherings for key in found.flows})
    for wanted in keys:
        if not any(key.startswith(wanted) for key in there):
            led = sorted(
                {k for found, _ in gatherings for alias in found.aliases.values() for k in alias.get(wanted, ())}
            )
            names = " or ".join(dict.fromkeys(correlation.key for _, correlation in gatherings))
            hint = f"it leads to {', '.join(led[:3])}: give that" if led else _hint(wanted, there)
            hint = hint or f"there are {len(there)}: verifier flows without --flow lists them"
            wrong.append(f"--flow {wanted}: no flow's {names} begins so; {hint}")
    for wanted in ids:
        if not any(flowview.matching(found, wanted) for found, _ in gatherings):
            known = sorted({name for found, _ in gatherings for name in flowview.names(found)})
            hint = _hint(wanted, known) or "verifier flows without --row lists the flows"
            if any(key.startswith(wanted) for key in there):
                hint = f"it is a flow: --flow {wanted} shows it"
            wrong.append(
                f"--row {wanted}: no span, trace, message or correlation id that was read is this or begins so; {hint}"
            )
    if wrong:
        raise UsageError("\n".join(wrong))


def _hint(wanted: str, known: Sequence[str]) -> str:
    few = known if len(known) <= MOST_NEAR else [name for name in known if name[:2] == wanted[:2]][:MOST_NEAR]
    near = difflib.get_close_matches(wanted, few, n=1) if len(wanted) < 200 else []
    return f"did you mean {near[0]}?" if near else ""
