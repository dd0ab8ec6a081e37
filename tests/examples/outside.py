"""What a run left behind outside telemetry: rows of the databases, records of the topics, changes of status.

In: a running system on SQLite. Out: for each batch what can be compared with another run: no ids, no times.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from examples.phase1 import topics
from examples.phase1.system import System

HISTORY = """
CREATE TABLE history (n INTEGER PRIMARY KEY, batch_id TEXT, what TEXT);
CREATE TRIGGER new_batch AFTER INSERT ON batches
  BEGIN INSERT INTO history (batch_id, what) VALUES (new.batch_id, new.status); END;
CREATE TRIGGER new_status AFTER UPDATE OF status ON batches WHEN new.status <> old.status
  BEGIN INSERT INTO history (batch_id, what) VALUES (new.batch_id, new.status); END;
CREATE TRIGGER new_pipeline AFTER UPDATE OF pipeline_at ON batches WHEN old.pipeline_at IS NULL
  BEGIN INSERT INTO history (batch_id, what) VALUES (new.batch_id, 'pipeline'); END;
"""
Left = Mapping[str, Any]
"""What was left behind, by what it is."""
Advances = Sequence[tuple[int, float]]
"""When the business clock was advanced (Unix milliseconds), and how many hours it then was ahead."""


class Watched(System):
    """A system that is looked at from outside."""

    def __init__(self, **setup: Any) -> None:
        super().__init__(**setup)
        self.ahead: list[tuple[int, float]] = []

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        with sqlite3.connect(self._file("bos"), timeout=10) as db:  # it writes down each change of a status itself
            db.executescript(HISTORY)
        return self

    async def _everywhere(self, path: str, asked: object) -> None:
        if path == "control/clock":
            self.ahead.append((time.time_ns() // 1_000_000, self._ahead.total_seconds() / 3600))
        await super()._everywhere(path, asked)

    def _file(self, short: str) -> Path:
        return self.setup.folder.absolute() / f"{short}.db"

    def left_behind(self, batches: Iterable[str], records: Path) -> list[Left]:
        """What these batches left, one after the other."""
        lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()[1:]]
        files = {short: self._file(short) for short in ("bos", "els", "cms", "nlp")}
        return [_of(batch, files, [r for r in lines if r["key"] == batch], self.ahead) for batch in batches]


def _of(batch: str, databases: Mapping[str, Path], records: list[dict[str, Any]], ahead: Advances) -> Left:
    bos, els, cms = (databases[name] for name in ("bos", "els", "cms"))
    (class_id,) = _rows(bos, "SELECT class_id FROM batches WHERE batch_id = ?", batch)[0]
    unknown = {row[0] for row in _rows(cms, "SELECT student_id FROM students WHERE is_unknown")}
    of_class = {row[0] for row in _rows(cms, "SELECT student_id FROM students WHERE class_id = ?", class_id)}

    def who(student: str | None) -> str:
        known = "UNKNOWN" if student in unknown else "a student"
        return "nobody" if student is None else known if student in of_class else f"{known} of another class"

    decided = "SELECT confidence_score, validation_status, validation_method, student_id FROM associations"
    essays = _rows(els, "SELECT essay_id IS NULL, student_id FROM essay_states WHERE batch_id = ?", batch)
    return {
        "status": [row[0] for row in _rows(bos, "SELECT what FROM history WHERE batch_id = ? ORDER BY n", batch)],
        "tracker": _rows(els, "SELECT stage, course_code FROM trackers WHERE batch_id = ?", batch),
        "essays": Counter((waits, who(student)) for waits, student in essays),
        "associations": Counter(
            (*how, who(student)) for *how, student in _rows(cms, f"{decided} WHERE batch_id = ?", batch)
        ),
        "UNKNOWN students of the class": len(unknown & of_class),
        "records": Counter((r["topic"], _plain(r["value"]["data"], who)) for r in records),
        "complete before the last text": _order(records),
        "hours to the confirmation": _hours(records, ahead),
        "pending messages": [
            row[0] for name in ("bos", "els", "cms", "nlp") for row in _pending(databases[name], batch)
        ],
    }


def _rows(path: Path, query: str, *given: object) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path, timeout=10) as db:
        return db.execute(query, given).fetchall()


def _pending(path: Path, batch: str) -> list[tuple[Any, ...]]:
    return _rows(path, "SELECT topic FROM outbox WHERE key = ? AND sent_at IS NULL ORDER BY topic", batch)


def _plain(data: Mapping[str, Any], who: Any) -> str:
    """What a message says, without ids."""
    said = {name: data.get(name) for name in ("course_code", "timeout_triggered", "expected_count", "class_type")}
    lists = {name: len(value) for name, value in data.items() if isinstance(value, list)}
    students = Counter(who(a["student_id"]) for a in data.get("associations") or ())
    return json.dumps([said, lists, sorted(students.items())], sort_keys=True)


def _order(records: list[dict[str, Any]]) -> bool:
    times = {topic: [r["timestamp_ms"] for r in records if r["topic"] == topic] for topic in topics.ALL}
    done, texts = times[topics.COMPLETED], times[topics.CONTENT]
    return bool(done and texts) and min(done) < max(texts)


def _hours(records: list[dict[str, Any]], ahead: Advances) -> float | None:
    """Hours of the business clock from the suggestion to the confirmation; only what the clock was advanced by."""
    sent = {r["topic"]: r["timestamp_ms"] for r in reversed(records)}
    if topics.CONFIRMED not in sent or topics.SUGGESTED not in sent:
        return None
    first, then = (
        max((hours for at_ms, hours in ahead if at_ms <= sent[topic]), default=0.0)
        for topic in (topics.SUGGESTED, topics.CONFIRMED)
    )
    return then - first
