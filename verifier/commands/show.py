"""verifier show: a shape as a picture."""

from pathlib import Path

import click

from verifier.commands import pair, screen
from verifier.errors import UsageError


@click.command(epilog="Example: verifier show phase1-regular --svg phase1-regular.svg")
@click.argument("shape", metavar="SHAPE")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a param of the shape, e.g. hop=5s.")
@click.option("--svg", "file", metavar="FILE", help="Write the picture as SVG instead; - is standard output.")
def show(shape: str, params: tuple[str, ...], file: str | None) -> int:
    """Show a shape as a picture: steps in order, who speaks, bounds, states.

    SHAPE is the name of a shape that ships with the package, a file, or a folder.
    """
    from verifier import shapeview
    from verifier.specfile import load_all, with_params

    shapes = with_params(load_all([shape]), dict(pair(p) for p in params))
    pictures = [shapeview.picture(s) for s in shapes]
    out = screen()
    if file is None:
        encoding = getattr(out, "encoding", None) or "utf-8"
        out.write("\n".join(shapeview.text(p, encoding=encoding) for p in pictures))
        return 0
    if len(pictures) > 1:
        names = ", ".join(p.name for p in pictures)
        raise UsageError(f"--svg {file}: {shape} holds {len(pictures)} shapes ({names}), a picture shows one; name one")
    drawing = shapeview.svg(pictures[0])
    if file == "-":
        out.write(drawing)
        return 0
    try:
        Path(file).write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--svg {file}: can't be written ({error.strerror}); give a path in a folder that exists"
        ) from error
    return 0
