"""Findings in words: the only place with sentences about them.

In: findings, verdicts, absences and losses, as data. Out: text in which nothing that telemetry says can break a line
or a terminal: control characters are written out, long values elided in the middle.

    title      a finding in one fragment             expected, observed   with numbers, units and times
    headline   the same, no surer than its verdict   account              a rule as labelled lines
    story      a flow, as plain text
"""

from verifier.wording.findings import basis, expected, headline, observed, title
from verifier.wording.story import (
    absence,
    account,
    across,
    flow_headline,
    loss,
    pending,
    size,
    story,
    stray,
    witness,
    worst_first,
)
from verifier.wording.text import (
    LONGEST,
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

__all__ = [
    "LONGEST",
    "WIDTH",
    "Row",
    "absence",
    "account",
    "across",
    "basis",
    "between",
    "clean",
    "columns",
    "count",
    "duration",
    "elide",
    "expected",
    "flow_headline",
    "headline",
    "layout",
    "loss",
    "moment",
    "observed",
    "pending",
    "size",
    "story",
    "stray",
    "title",
    "value",
    "witness",
    "worst_first",
    "wrap",
]
