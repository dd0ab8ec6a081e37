"""verifier strength: which wrong flows the shapes would let pass."""

from collections import Counter
from typing import Any

import click

from verifier.commands import once, pair, sources
from verifier.errors import UsageError
from verifier.progress import progress_bar


@click.command(
    epilog="Example: verifier strength phase1-regular --spans run.otlp.jsonl --records run.events.jsonl --at-least 95"
)
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE...")
@sources
@click.option("--flow", "flows", multiple=True, metavar="KEY", help="Mutate this flow only. Repeat for more.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a param of the shapes, e.g. hop=5s.")
@click.option(
    "--at-least",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Exit code 1 if fewer mutants than that are killed.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    metavar="N",
    help="Try so many mutants of each sort and shape at most: a sample.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Which sample.")
def strength(
    shapes: tuple[str, ...],
    spans: tuple[str, ...],
    records: tuple[str, ...],
    flows: tuple[str, ...],
    params: tuple[str, ...],
    at_least: float | None,
    most: int,
    seed: int,
) -> int:
    """Mutate good flows and list what the shapes would not notice.

    Each mutant of a satisfied flow pretends that business went wrong at a step of the shape: it is missing, late, out
    of order, doubled or failed, or a value changed. One that is satisfied all the same lives: nobody watches that.
    """
    from verifier.run import read
    from verifier.specfile import load_all
    from verifier.strength import measure
    from verifier.strength.words import lines

    if not spans and not records:
        raise UsageError("nothing to read was given; give --spans FILE or --records FILE, or both")
    once((*spans, *records))
    loaded = load_all(shapes)
    with progress_bar() as progress:
        evidence = read(spans, records, progress=progress)
        found = measure(
            loaded, evidence, flows=flows, params=dict(pair(p) for p in params), most=most, seed=seed, progress=progress
        )
    if not found.tried:
        click.echo(_nothing(found.verdicts))
        return 3
    click.echo("\n".join(lines(found, tuple(loaded), seed)))
    return 1 if at_least is not None and found.share < at_least else 0


def _nothing(verdicts: Any) -> str:
    """Why there was nothing to mutate."""
    said = ", ".join(f"{n} {verdict}" for verdict, n in sorted(Counter(verdicts).items()))
    return f"no good flow to mutate: {said or 'no flow was judged'}; give spans and records of flows that are satisfied"
