"""no_writes: what a step does writes none of these tables.

In: a flow with its steps bound, narrowed to the scope. Out: an `Unexpected` for each database span below an occurrence
that writes one of the tables; an `Unreadable` where a statement can't be read, or no database span shows that the
service's would be seen at all.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence
from verifier.shape import Rule, Shape, Step, StepName
from verifier.spans import DATABASE, DB_OPERATION, DB_TABLE, STATEMENT, Observation, Span, first
from verifier.verdict import Absence, Finding, Result, Unexpected, Unreadable

if TYPE_CHECKING:
    from sqlglot import exp

_STEPS = {"handle": Step(span="handle")}
_PARAMETERS = {"step": "handle", "service": "shop", "tables": ("order_lines",)}
EXTRA = "'no_writes' reads SQL, which needs the extra: pip install 'flow-verifier[sql]'"
LONGEST = 100_000
"""Longer statements are not read: a bound on time."""
DIALECTS = {  # of `db.system` and `db.system.name`; of others standard SQL is read
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "mssql": "tsql",
    "microsoft.sql_server": "tsql",
    "oracle": "oracle",
    "oracle.db": "oracle",
    "clickhouse": "clickhouse",
    "snowflake": "snowflake",
    "redshift": "redshift",
    "aws.redshift": "redshift",
    "trino": "trino",
}
NO_TABLES = frozenset({"redis", "memcached", "valkey"})
READING = frozenset({"select", "show", "connect", "ping", "begin", "commit", "rollback", "savepoint", "release", "set"})
"""Operations that write nothing; what a span without a statement is asked for."""


Below = dict[tuple[str, str] | None, list[Span]]
"""Spans by their parent."""
_SPANS = Absence(spans=True, but_maybes=True)
"""No further span; each is looked at wherever it lies, so that none may or may not count for its place in a scope."""
_PLACEHOLDER = re.compile(r"%s|%\(\w+\)s")
_TURN = re.compile(r"^\s*(START\s+TRANSACTION|BEGIN|(RELEASE\s+)?SAVEPOINT)\b[^;]*;?\s*$", re.IGNORECASE)
"""One statement that begins or marks a transaction, in whatever words."""


@assertion
class NoWrites(Rule):
    """What a step does writes none of `tables`: no statement of `service` in a database span below it.

    Term: statelessness (absence, within a subtree). Formula: `G(a → ∀ q below a, of service: writes(q) ∩ tables = ∅)`,
    below: by parents. The statement (`db.query.text`, `db.statement`) is parsed in the dialect of `db.system.name`:
    INSERT, UPDATE, DELETE, MERGE, REPLACE, TRUNCATE, COPY … FROM, CREATE, ALTER, DROP, SELECT INTO, also in a CTE and
    in the second statement of several. A statement counts whether or not its transaction was committed.
    A statement that is missing, cut off or can't be parsed, or a call of a procedure, may write: it can't be read. A
    span without a statement whose operation is SELECT reads. A name without a schema stands for the table in every one.
    That nothing writes is only said where some database span of `service` is in the flow: else its database calls may
    not be instrumented. Needs the extra `sql`.
    """

    step: StepName
    service: str
    tables: tuple[str, ...]

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """What is wrong with the parameters together, and whether SQL can be read here."""
        if scopes := Rule.problems(self, shape):
            return scopes
        if shape.steps[self.step].sort == "record":
            return [("step", f"'{self.step}' is a record, below which nothing happens; expected a span or an event")]
        if not self.tables or not all(name.strip() for name in self.tables):
            return [("tables", "'tables' names nothing; expected at least one table")]
        return [] if find_spec("sqlglot") else [("step", EXTRA)]

    def check(self, flow: BoundFlow) -> Result:
        spans = [m.row for m in (*flow.flow.members, *flow.flow.shared) if isinstance(m.row, Span)]
        below: Below = {}
        for span in spans:
            below.setdefault(span.parent, []).append(span)
        occurrences = flow.occurrences[self.step]
        findings: list[Finding] = []
        for occurrence in occurrences:
            for o in occurrence.all:
                for span in _subtree(o, below):
                    if span.service == self.service and _asks_database(span):
                        findings += self._asked(flow, occurrence, span)
        step = Absence(steps=(self.step,))
        heard = [s for s in spans if s.service == self.service and _asks_database(s) and _system(s) not in NO_TABLES]
        if occurrences and not findings and not heard:
            findings.append(
                Unreadable(
                    step=self.step,
                    service=self.service,
                    what=f"what {self.service} writes",
                    why="the flow has no database span of it: its database calls may not be instrumented",
                    settled_by=f"database spans of {self.service}",
                    evidence=flow.some(self.step),
                    absences=(_SPANS,),
                )
            )
        return Result(
            findings=tuple(findings),
            activated=bool(occurrences),
            activators=(step,),
            absences=(step, _SPANS),
            evidence=(*flow.some(self.step), *(flow.evidence("database", Observation(row=s)) for s in heard[:3])),
        )

    def _asked(self, flow: BoundFlow, occurrence: Occurrence, span: Span) -> list[Finding]:
        """What a database span below an occurrence says against it."""
        written, why = _written(span)
        evidence = (flow.evidence(self.step, occurrence), flow.evidence("database", Observation(row=span)))
        text = str(first(span.attributes, STATEMENT) or first(span.attributes, DB_OPERATION) or span.name)
        hits = [(name, doubt) for table in written for name in self.tables if (doubt := table.is_one(name)) is not None]
        sure = next((name for name, doubt in hits if not doubt), None)
        if hits and (sure is None or span.status == "error"):
            why = "the statement failed" if sure is not None else next(doubt for _, doubt in hits)
        if sure is not None and span.status != "error":
            return [
                Unexpected(
                    step=self.step,
                    service=span.service,
                    wrote=sure,
                    message=text,
                    evidence=evidence,
                    anomaly="write of a stateless step",
                )
            ]
        if why is None:
            return []
        return [
            Unreadable(
                step=self.step,
                service=span.service,
                what=f"what {span.service} writes",
                raw=text,
                why=why,
                settled_by="the whole statement (db.query.text)",
                evidence=evidence,
                absences=(_SPANS,),
            )
        ]

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            about="it only reads the table, and writes another",
            sketch=(
                "shop : handle @ 0..9ms\n"
                '  shop : SELECT @ 1..2ms db.system=postgresql db.statement="SELECT * FROM order_lines"\n'
                '  shop : INSERT @ 3..4ms db.system=postgresql db.statement="INSERT INTO log VALUES ($1)"'
            ),
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(
            verdict="violated",
            about="in another schema's spelling, whatever is lost",
            sketch=(
                "shop : handle @ 0..9ms\n"
                '  shop : UPDATE @ 1..2ms db.system=postgresql db.statement="UPDATE public.Order_Lines SET a = 1"'
            ),
            parameters=_PARAMETERS,
            steps=_STEPS,
            assume="lossy",
        ),
        Example(
            verdict="satisfied",
            about="written elsewhere, not below the step",
            sketch=(
                "shop : handle @ 0..9ms\n"
                'shop : UPDATE @ 1..2ms db.system=postgresql db.statement="UPDATE order_lines SET a = 1"'
            ),
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(
            verdict="inconclusive",
            about="no database span of the service: perhaps its calls are not instrumented",
            sketch="shop : handle @ 0..9ms",
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(
            verdict="inconclusive",
            about="the statement was cut off",
            sketch=(
                "shop : handle @ 0..9ms\n"
                '  shop : UPDATE @ 1..2ms db.system=postgresql db.statement="WITH x AS (SELECT id FROM"'
            ),
            parameters=_PARAMETERS,
            steps=_STEPS,
        ),
        Example(verdict="vacuous", sketch="shop : other @ 0..9ms", parameters=_PARAMETERS, steps=_STEPS),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a statement names it; a quoted part keeps its case."""

    name: str
    schema: str = ""
    quoted: bool = False

    def is_one(self, wanted: str) -> str | None:
        """None if it is another table than `wanted`; else why that is in doubt, "" if it is none."""
        *schemas, name = (part.strip('"`[]') for part in wanted.strip().split("."))
        if self.name.lower() != name.lower():
            return None
        schema = schemas[-1] if schemas else ""
        if schema and self.schema and schema.lower() != self.schema.lower():
            return None
        if schema and not self.schema:
            return f"whether {self.name} is the one in {schema} is not said"
        if self.quoted and self.name != name:
            return f'"{self.name}" in quotes may be another table than {name}'
        return ""


def _subtree(o: Observation, below: Below) -> Iterator[Span]:
    """Every span below an observation's own, each once."""
    assert isinstance(o.row, Span), "that the step is no record was checked when the shape was loaded"
    seen, todo = {o.row.id}, [o.row]
    for span in todo:  # grows while it is walked
        yield span
        for child in below.get(span.id, ()):
            if child.id not in seen:
                seen.add(child.id)
                todo.append(child)


def _asks_database(span: Span) -> bool:
    return any(first(span.attributes, names) is not None for names in (DATABASE, STATEMENT, DB_OPERATION, DB_TABLE))


def _system(span: Span) -> str:
    return str(first(span.attributes, DATABASE) or "").lower()


def _written(span: Span) -> tuple[tuple[Table, ...], str | None]:
    """The tables that a database span writes, and why there may be others."""
    system = _system(span)
    if system in NO_TABLES:
        return (), None
    text = first(span.attributes, STATEMENT)
    if isinstance(text, str):
        return written_by(text, DIALECTS.get(system))
    words = str(first(span.attributes, DB_OPERATION) or span.name).lower().split()
    if text is None and words and words[0] in READING:
        return (), None
    table = first(span.attributes, DB_TABLE)
    if isinstance(table, str):  # it may be what it reads, too: then nobody is wronged by a doubt
        return (), f"it has no statement, and {table} may be what it writes"
    return (), "it has no statement"


@lru_cache(maxsize=4096)
def written_by(text: str, dialect: str | None) -> tuple[tuple[Table, ...], str | None]:
    """The tables that some SQL writes, and why it may write others (None if it surely doesn't)."""
    if len(text) > LONGEST:
        return (), "the statement is too long to be read"
    try:
        statements = list(_parse(text, dialect))
    except (ValueError, RecursionError):
        return (), "the statement can't be parsed: it may be cut off"
    found: list[Table] = []
    why = "the statement was cut off" if text.rstrip().endswith(("...", "…")) else None
    for statement in statements:
        tables, doubt = _tables(statement)
        found += tables
        why = why or doubt
    return tuple(dict.fromkeys(found)), why


def _parse(text: str, dialect: str | None) -> Iterable["exp.Expr"]:
    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it can't parse is said here, in a finding
    text = re.sub(r"^\s*REPLACE\s+INTO\b", "INSERT INTO", text, flags=re.IGNORECASE)
    text = _TURN.sub("COMMIT", text)
    for given in dict.fromkeys((text, _PLACEHOLDER.sub("?", text))):  # what looks like a placeholder may be SQL
        with suppress(SqlglotError):
            return [one for one in sqlglot.parse(given, read=dialect) if one is not None]
    raise ValueError("it can't be parsed")


def _tables(statement: "exp.Expr") -> tuple[list[Table], str | None]:
    """The tables that one statement writes, and why it may write others."""
    from sqlglot import exp

    reads = (exp.Query, exp.Values, exp.Set, exp.Use, exp.Show, exp.Describe, exp.Pragma)
    turns = (exp.Transaction, exp.Commit, exp.Rollback)
    writes = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Alter, exp.Drop, exp.TruncateTable)
    more = (exp.Copy, exp.Into, exp.AlterRename)
    found: list[Table] = []
    for node in statement.find_all(*writes, *more):
        if isinstance(node, exp.Copy) and not node.args.get("kind"):
            continue  # COPY … TO reads
        found += [_table(t) for t in _targets(node) if t.name]
    if isinstance(statement, exp.Update | exp.Delete) and _joined(statement):
        return found, "it names several tables, and may write each"
    if isinstance(statement, exp.Drop) and str(statement.args.get("kind") or "").upper() not in ("TABLE", "VIEW"):
        return [], "it drops what may be of any table"
    known = (*reads, *turns, *writes, exp.Copy, exp.MultitableInserts)
    if isinstance(statement, known) and not list(statement.find_all(exp.Command)):
        return found, None
    return found, "it is none of the statements that are understood, and may write"


def _targets(node: "exp.Expr") -> Iterator["exp.Table"]:
    """The tables that a writing node names as what it writes."""
    from sqlglot import exp

    if isinstance(node, exp.TruncateTable):
        yield from (t for t in node.expressions if isinstance(t, exp.Table))
        return
    several = [t for t in node.args.get("tables") or () if isinstance(t, exp.Table)]
    yield from several
    target = node.this
    if isinstance(target, exp.Schema):
        target = target.this
    if isinstance(target, exp.Index):
        target = target.args.get("table")
    if isinstance(target, exp.Table) and not (several and isinstance(node, exp.Delete)):
        yield target


def _joined(statement: "exp.Expr") -> bool:
    """Whether what it writes is named by an alias, or stands beside other tables."""
    from sqlglot import exp

    target = statement.this
    joins = isinstance(target, exp.Table) and target.args.get("joins")
    source = statement.args.get("from_") or statement.args.get("from")
    aliases = [t.alias for t in source.find_all(exp.Table)] if source is not None else []
    named = isinstance(target, exp.Table) and target.name in aliases
    return bool(joins or named)


def _table(table: "exp.Table") -> Table:
    return Table(name=table.name, schema=table.db, quoted=bool(table.this.args.get("quoted")))
