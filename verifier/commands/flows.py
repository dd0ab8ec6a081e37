"""verifier flows: what belongs together, and why; and what belongs to nothing."""

import click

from verifier.commands import no_telemetry, once, sources
from verifier.errors import UsageError
from verifier.progress import progress_bar


@click.command(epilog="Example: verifier flows --spans run.otlp.jsonl --records run.events.jsonl --flow 85e4cdbd")
@click.argument("shapes", nargs=-1, metavar="[SHAPE]...")
@sources
@click.option("--flow", "keys", multiple=True, metavar="KEY", help="Show this flow row by row (a beginning will do).")
@click.option("--row", "ids", multiple=True, metavar="ID", help="Why a span, trace or message is in a flow, or isn't.")
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

    SHAPE says by which key; without one, the shapes that ship with the package.
    """
    from verifier import flowview
    from verifier.engine.plan import groups, names_of
    from verifier.flows import gather
    from verifier.run import read
    from verifier.specfile import load_all, shipped

    no_telemetry(shapes)
    if not spans and not records:
        raise UsageError("nothing to read was given; give --spans FILE or --records FILE, or both")
    once((*spans, *records))
    with progress_bar() as progress:
        evidence = read(spans, records, progress=progress)
    out: list[str] = []
    for group in groups(load_all(shapes or shipped())):
        correlation = group[0].flow
        found = gather(evidence.spans, evidence.records, correlation=correlation, attributes=names_of(group[0]))
        if strays:
            out += flowview.strays_by_reason(found.strays, correlation)
        for wanted in ids:
            out += flowview.about(found, wanted, correlation)
        for wanted in keys:
            matching = [f for key, f in found.flows.items() if key.startswith(wanted)]
            if not matching:
                raise UsageError(
                    f"--flow {wanted}: no flow's {correlation.key} begins so; there are {len(found.flows)} flows: "
                    f"verifier flows without --flow lists them"
                )
            for flow in matching:
                out += flowview.rows(flow, found)
        if not (strays or ids or keys):
            out += flowview.summary(found, correlation)
    for loss in evidence.losses:
        out.append(f"note: {loss.what or loss.kind} ({loss.where}, {loss.count} x)")
    click.echo(flowview.lines(out), nl=False)
    return 0
