"""The page of faults: docs/explanation/faults.md.

In: the tables of examples/phase1/faults.py, which the tests switch on one by one. Out: Markdown.
`python -m tests.examples.faults_page` writes it; a test compares it.
"""

from pathlib import Path

from examples.phase1.faults import FAULTS, TELEMETRY

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "faults.md"
FAMILIES = {
    "complete_flow": "The whole flow",
    "timeout_monitor": "The timeout monitor",
    "state_transitions": "State transitions",
    "race_conditions": "Races",
    "resilience": "Outages",
    "unknown_student": "The UNKNOWN student",
}
INTRODUCTION = f"""# What can go wrong, and which rule says so

<!-- Made by python -m tests.examples.faults_page; don't edit -->

The [reference system](../../examples/phase1/README.md) can be broken in {len(FAULTS)} ways, each a plausible bug in one
service, and can tell {len(TELEMETRY)} wrong stories of a business that is right. Tests run them all. For each bug they
expect the rule of its row to be *violated* for that flow; where databases are files (SQLite) they confirm its damage
before, in a database, on a topic or in an HTTP answer. Without a fault no rule is violated, but for two scenarios in
which somebody publishes by hand what no service told of.
"""
TELLS = """
## Wrong stories

Nothing is wrong with the business, and no rule of it is called violated, but for one gap: a *last* span that never ends
(`ready_never_ends`) leaves no sign, and is taken for one that never began where spans are assumed to be complete.

| fault | service | what is told wrongly | told by | verdict there |
| --- | --- | --- | --- | --- |
"""


def made() -> str:
    """The page."""
    out = [INTRODUCTION]
    for family, title in FAMILIES.items():
        rows = [fault for fault in FAULTS if fault.family == family]
        out.append(f"\n## {title}: {len(rows)}\n\n| fault | service | what is wrong | what it damages | caught by |\n")
        out.append("| --- | --- | --- | --- | --- |\n")
        out += [f"| `{f.name}` | {f.service} | {f.wrong} | {f.changes} | `{f.caught_by}` |\n" for f in rows]
    out.append(TELLS)
    for one in TELEMETRY:
        by = f"`{one.told_by}`" if one.told_by else "nothing is lost by it"
        out.append(f"| `{one.name}` | {one.service} | {one.wrong} | {by} | {one.verdict} |\n")
    return "".join(out)


if __name__ == "__main__":
    PAGE.write_text(made(), encoding="utf-8")
