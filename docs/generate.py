"""The reference pages that are made from the code: `docs/reference/*.md` and the pictures of shapes, `shapes/*.svg`.

In: the kinds' docstrings, parameters and examples; the command line's help; the report's schema; the shapes that ship.
Out: the pages, as `pages()` or written (`make docs`). A test fails while a page differs from what this makes.
"""

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import chdir
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from verifier import shapeview
from verifier.anomalies import ANOMALIES, weaker
from verifier.assertions import Example, kinds
from verifier.cli import cli
from verifier.reports.json import schema as report_schema
from verifier.shape import Rule
from verifier.specfile import load, shipped

HERE = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py from the code; change it there, then: make docs -->"
WORDS: Mapping[object, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
NEW_TYPES = {  # of `verifier.shape`
    "StepName": "step",
    "Point": "point",
    "FactName": "fact",
    "MachineName": "machine",
    "AttributeName": "attribute",
    "Pattern": "pattern",
    "Duration": "duration",
}


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    reference = HERE / "reference"
    made = {"kinds": kinds_page, "cli": cli_page, "report": report_page}
    pictures = {
        reference / "shapes" / f"{name}.svg": shapeview.svg(shapeview.picture(load(name))) for name in shipped()
    }
    return {reference / f"{name}.md": page() for name, page in made.items()} | pictures


# ---- kinds


def kinds_page() -> str:
    """All kinds of assertion, each with its meaning, its parameters and its examples."""
    found = kinds()
    lines = [
        MADE,
        "# Kinds of assertion",
        "",
        "A kind is the key of an assertion in a shape: `- occurs: {step: paid, times: 1}`.",
        "A *point* is `start of STEP` or `end of STEP`; a bare step means its start.",
        "A *duration* is `250ms`, `1.5s`, `5m`, `26h`, or the name of a param of the shape.",
        "",
        "Every kind also takes:",
        "",
        *_table(fields(Rule)),
        "The examples are tests. In a sketch, a line is a span: `service : name @ start..end`; an indented one is a",
        "child; `!` is status ERROR, `*` a span event, `[topic partition:offset]` a record.",
        "Where a kind judges the whole run, a row is of the flow that its attribute `flow` names, as what is below it;",
        "such a kind takes no scope.",
        "A step of an example is a span of its own name, unless `steps` says otherwise.",
        "",
        *(f"- [{name}](#{name}): {_first_sentence(cls)}" for name, cls in found.items()),
        "",
    ]
    for name, cls in found.items():
        lines += [f"## {name}", "", inspect.cleandoc(cls.__doc__ or ""), ""]
        lines += _table([f for f in fields(cls) if f.name not in {c.name for c in fields(Rule)}])
        for example in typing.cast(Any, cls).examples:
            lines += _example(name, example)
    return "\n".join(lines).rstrip() + "\n"


def _first_sentence(cls: type[Rule]) -> str:
    paragraph = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def _table(parameters: tuple[Field[Any], ...] | list[Field[Any]]) -> Iterator[str]:
    if not parameters:
        yield from ("It has no parameters of its own.", "")
        return
    yield from ("| parameter | takes | if not said |", "| --- | --- | --- |")
    for f in parameters:
        yield f"| `{f.name.rstrip('_')}` | {_kind_of_value(f.type)} | {_default(f)} |"
    yield ""


def _default(f: Field[Any]) -> str:
    if f.default is MISSING and f.default_factory is MISSING:
        return "**must be said**"
    value = f.default if f.default is not MISSING else typing.cast(Any, f.default_factory)()
    return f"`{value}`" if value not in (None, (), {}, "") else "–"


def _kind_of_value(annotation: Any) -> str:
    """An annotation in the words of someone who writes YAML."""
    if annotation in WORDS:
        return WORDS[annotation]
    name = getattr(annotation, "__name__", "")
    if name in NEW_TYPES:
        return NEW_TYPES[name]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        scalar = {str, int, float, bool} <= set(parts)
        others = [p for p in parts if p is not type(None) and not (scalar and p in WORDS)]
        return " or ".join([*dict.fromkeys(_kind_of_value(p) for p in others), *(["value"] if scalar else [])])
    if origin is typing.Literal:
        return " or ".join(f"`{p}`" for p in parts)
    if origin is tuple:
        if parts[-1] is Ellipsis:
            return f"list of {_kind_of_value(parts[0])}"
        return f"[{', '.join(_kind_of_value(p) for p in parts)}]"
    if origin is not None and issubclass(origin, Mapping):
        return f"{{{_kind_of_value(parts[0])}: {_kind_of_value(parts[1])}}}"
    if is_dataclass(annotation):
        if name == "Condition":
            return "condition"
        return "{" + ", ".join(f.name.rstrip("_") for f in fields(annotation)) + "}"
    return name or str(annotation)


def _example(kind: str, example: Example) -> Iterator[str]:
    about = f": {example.about}" if example.about else ""
    yield from (f"**{example.verdict}**{about}", "", "```text", *example.sketch.strip("\n").splitlines(), "```", "")
    fragments: dict[str, Any] = {}
    for part in ("attributes", "steps", "machines", "facts"):
        if getattr(example, part):
            fragments[part] = _plain(getattr(example, part))
    if "machines" in fragments:
        fragments["machines"] = {n: m for n, m in fragments["machines"].items() if n == example.parameters["machine"]}
    fragments["assertions"] = [{kind: _plain(example.parameters)}]
    yield from ("```yaml", *_yaml(fragments), "```", "")
    told = [
        f"known fact {name} = {value}" if name else value
        for name, value in [
            *sorted(example.given.items()),
            *([("", f"judged as of {example.at}")] if example.at != "end" else []),
            *([("", f"assuming {example.assume}")] if example.assume != "complete" else []),
            *([("", f"the flow ends with {', '.join(example.ends)}")] if example.ends else []),
            *([("", f"the flow gives up after {example.gives_up}")] if example.gives_up else []),
            *([("", "no records were given")] if not example.records else []),
        ]
    ]
    if told:
        yield from (f"({'; '.join(str(t) for t in told)})", "")


def _yaml(fragments: Mapping[str, Any]) -> Iterator[str]:
    for part, content in fragments.items():
        yield f"{part}:"
        if isinstance(content, list):
            for item in content:
                (kind, parameters), *_ = item.items()
                yield f"  - {kind}: {_flow(parameters)}"
        else:
            for name, value in content.items():
                yield f"  {name}: {_flow(value)}"


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n...\n").rstrip("\n")


def _plain(value: Any) -> Any:
    """Data as YAML would say it: only what differs from the defaults."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name.rstrip("_"): _plain(getattr(value, f.name))
            for f in fields(value)
            if f.default is MISSING or getattr(value, f.name) != f.default
            if getattr(value, f.name) not in ({}, ())
        }
    if isinstance(value, Mapping):
        return {str(k).rstrip("_") if isinstance(k, str) else k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


# ---- command line


def cli_page() -> str:
    """What `--help` says of every command."""
    lines = [
        MADE,
        "# The command line",
        "",
        "Every option has an environment variable (`VERIFIER_CHECK_SPANS`) and may stand in `verifier.toml`",
        "(`[check]`, `spans = [...]`) or under `[tool.verifier]` in `pyproject.toml`.",
        "",
        "Two facts of the deployment stand beside them: how far clocks may be apart (`[clocks]`,",
        '`uncertainty = "5ms"`) and, above all tables, declared outages,',
        "in which the clock of `delivered` stands still:",
        "`outages = [{from = 2026-11-22T22:00:00Z, to = 2026-11-22T22:05:00Z}]`.",
        "",
    ]
    for name, command in [("verifier", cli), *((f"verifier {n}", c) for n, c in sorted(cli.commands.items()))]:
        parent = click.Context(cli, info_name="verifier", terminal_width=80, **cli.context_settings)
        ctx = parent if command is cli else click.Context(command, info_name=name.split(" ")[1], parent=parent)
        lines += [f"## {name}", "", "```text", *command.get_help(ctx).splitlines(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


# ---- plots


def plot() -> tuple[Path, str]:
    """The picture of the how-to page that draws one: what its first block of Python saves."""
    page = HERE / "how-to" / "plot-step-times.md"
    block = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    with chdir(HERE.parent):
        exec(compile(block, str(page), "exec"), {"__name__": "docs"})  # noqa: S102  (our own page)
        return page.with_name("step-times.svg"), Path("out/step-times.svg").read_text(encoding="utf-8")


# ---- the JSON report


def report_page() -> str:
    """Every field of the JSON report, as its schema describes it."""
    schema = report_schema()
    lines = [
        MADE,
        "# The JSON report",
        "",
        "`--report json=FILE` writes it.",
        schema["description"],
        "`verifier schema --report` prints its JSON Schema. Moments are ISO 8601 in UTC.",
        "",
    ]
    for name, part in schema["$defs"].items():
        if "properties" not in part:
            continue
        lines += [f"## {name}", "", part["description"], "", "| field | holds | meaning |", "| --- | --- | --- |"]
        for field, said in part["properties"].items():
            kind = _holds(said, schema["$defs"])
            kind += "" if field in part["required"] else " (may be missing)"
            lines.append(f"| `{field}` | {kind} | {said['description']} |")
        lines.append("")
    lines += [
        "## anomalies",
        "",
        "The names of what goes wrong. Whatever has a name has the weaker ones too, which say less. An inconclusive",
        "finding carries the name that it would have if it were so.",
        "",
        "| name | says | weaker names that follow |",
        "| --- | --- | --- |",
        *(f"| {name} | {one.says} | {', '.join(weaker(name)) or '–'} |" for name, one in ANOMALIES.items()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _holds(said: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """What a field of the schema may hold, in words; objects as links to their tables."""
    if "$ref" in said:
        name = said["$ref"].rsplit("/", 1)[-1]
        if "properties" in defs[name]:
            return f"[{name}](#{name})"
        return _NAMED[name] if name in _NAMED else _holds(defs[name], defs)
    if "const" in said or "enum" in said:
        return " or ".join(f"`{value}`" for value in said.get("enum", [said.get("const")]))
    if "anyOf" in said or "oneOf" in said:
        return " or ".join(_holds(part, defs) for part in said.get("anyOf") or said["oneOf"])
    if said["type"] == "array":
        items = _holds(said["items"], defs) if "items" in said else ""
        return f"list of {'texts' if items == 'text' else items}" if items else "list, empty in this version"
    if said["type"] == "object":
        named = said.get("additionalProperties")
        return f"name: {_holds(named, defs)}" if named else "object"
    either: list[str] = said["type"] if isinstance(said["type"], list) else [said["type"]]
    return " or ".join(_NAMED.get(name, name) for name in either)


_NAMED = {
    "moment": "moment",
    "moment_or_null": "moment or null",
    "texts": "list of texts",
    "count": "whole number",
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
}


def main() -> None:
    """Writes every page, and the plot."""
    for path, text in [*pages().items(), plot()]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(f"wrote {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
