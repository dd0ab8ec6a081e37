"""A shape as a picture that a person reads: in a terminal, or as SVG.

In: a `Shape`. Out: `picture(shape)`, what there is to draw, and `text` and `svg`, which draw it. What can't be drawn
(a kind that is not known here) is said in words: no rule of the shape is left out.

    shape ──> rules ──> picture ──> text
              order         └─────> grid ──> svg
"""

from verifier.shapeview.picture import Picture, picture
from verifier.shapeview.svg import svg
from verifier.shapeview.text import text

__all__ = ["Picture", "picture", "svg", "text"]
