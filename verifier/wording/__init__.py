"""Findings in words: the only place with sentences about them.

In: findings, verdicts, absences and losses, as data. Out: text in which nothing that telemetry says can break a line
or a terminal: control characters are written out, long values elided in the middle.

    title      a finding in one fragment             expected, observed   with numbers, units and times
    headline   the same, no surer than its verdict   account              a rule as labelled lines
    story      a flow, as plain text                 story_across  a rule of the whole run
"""

from verifier.wording.causes import cause, edit, explains, follows, nearest, repair
from verifier.wording.findings import basis, expected, headline, observed, title
from verifier.wording.story import (
    absence,
    account,
    across,
    explained,
    flow_headline,
    loss,
    pending,
    size,
    story,
    story_across,
    stray,
    witness,
    worst_first,
)
from verifier.wording.text import (
    LONGEST,
    VERBATIM,
    WIDTH,
    Row,
    between,
    clean,
    columns,
    count,
    duration,
    elide,
    layout,
    moment,
    value,
    wrap,
)
from verifier.wording.why import however, let, mark, origin, sketch, then

__all__ = [
    "LONGEST",
    "VERBATIM",
    "WIDTH",
    "Row",
    "absence",
    "account",
    "across",
    "basis",
    "between",
    "cause",
    "clean",
    "columns",
    "count",
    "duration",
    "edit",
    "elide",
    "expected",
    "explained",
    "explains",
    "flow_headline",
    "follows",
    "headline",
    "however",
    "layout",
    "let",
    "loss",
    "mark",
    "moment",
    "nearest",
    "observed",
    "origin",
    "pending",
    "repair",
    "size",
    "sketch",
    "story",
    "story_across",
    "stray",
    "then",
    "title",
    "value",
    "witness",
    "worst_first",
    "wrap",
]
