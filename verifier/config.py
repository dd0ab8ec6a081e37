"""What `verifier.toml` says, or `[tool.verifier]` in pyproject.toml: options of commands, facts about the deployment.

In: the files in the current folder, the commands. Out: click's default map. UsageError for what can't be read.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from verifier.errors import UsageError

CONFIG = ("verifier.toml", "pyproject.toml")


def load(commands: Mapping[str, click.Command]) -> dict[str, Any]:
    """The options of `verifier.toml`, or of `[tool.verifier]` in pyproject.toml, as click's defaults."""
    import tomllib

    for name in CONFIG:
        path = Path(name)
        if not path.is_file():
            continue
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            if name == "pyproject.toml":  # not ours: whoever owns it will complain
                continue
            raise UsageError(f"{name}: it can't be read as TOML: {error}") from error
        if name == "pyproject.toml":
            found = found.get("tool", {}).get("verifier", {})
        if found:
            return _checked(found, name, commands)
    return {}


def _checked(found: dict[str, Any], name: str, commands: Mapping[str, click.Command]) -> dict[str, Any]:
    import difflib

    known: dict[str, Sequence[str]] = {"clocks": ("uncertainty",)}
    for command, known_by in commands.items():
        options = [p for p in known_by.params if isinstance(p, click.Option)]
        known[command] = [o.opts[0].removeprefix("--") for o in options]
    out: dict[str, Any] = {}
    for table, values in found.items():
        if table == "outages":  # a fact of the deployment, not an option
            from verifier.options import parse_outages

            parse_outages(values, f"{name}: outages")
            out[table] = values
            continue
        if table not in known or not isinstance(values, dict):
            raise UsageError(
                f"{name}: there is no table [{table}]; there are: {', '.join(sorted(known))}, and the list outages"
            )
        out[table] = {}
        for key, value in values.items():
            if key not in known[table]:
                near = difflib.get_close_matches(key, known[table], n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known[table])}"
                raise UsageError(f"{name}: [{table}] has no option '{key}'; {hint}")
            parameter = _parameter(commands.get(table), key)
            if isinstance(value, list) and parameter is not None and not parameter.multiple:
                raise UsageError(f"{name}: [{table}] {key} is one value, not a list")
            out[table][parameter.name if parameter is not None and parameter.name else key] = value
    return out


def _parameter(command: click.Command | None, option: str) -> click.Option | None:
    """The option as click knows it; None for what is no option of a command."""
    for p in command.params if command is not None else ():
        if isinstance(p, click.Option) and f"--{option}" in p.opts:
            return p
    return None
