"""Whose name stands on an essay: real string matching against the roster of the class.

In: a text and the students. Out: the students whose names are like the one on the text, best first, each with a
confidence in [0, 1]: the share of letters that two names have in common, in order (normalised Indel similarity).
"""

import re
import unicodedata
from collections.abc import Mapping

from rapidfuzz import fuzz, process

from examples.phase1.events import Suggestion

AUTHOR = re.compile(r"^\s*(?:name|namn|author|by|av)\s*:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
AT_LEAST = 0.4
AT_MOST = 3


def suggestions(text: str, students: Mapping[str, str]) -> list[Suggestion]:
    """The likely authors; `students` are names by id. Without a line that names the author: its first line."""
    named = AUTHOR.search(text)
    name = _plain(named[1] if named else text.strip().partition("\n")[0])
    plain = {student_id: _plain(known) for student_id, known in students.items()}
    found = process.extract(name, plain, scorer=_alike, score_cutoff=AT_LEAST * 100, limit=None)
    best = sorted(found, key=lambda hit: (-hit[1], hit[2]))[:AT_MOST]
    return [
        Suggestion(student_id=key, student_name=students[key], confidence_score=round(score / 100, 2))
        for _, score, key in best
    ]


def _alike(one: str, other: str, **_limits: float | None) -> float:
    """Also when the family name comes first."""
    return max(fuzz.ratio(one, other), fuzz.token_sort_ratio(one, other))


def _plain(name: str) -> str:
    """Lower case, without accents and punctuation: ÅSA and Asa are one name."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())
