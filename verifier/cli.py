"""The command `verifier`: arguments -> calls, and exit codes.

In: a command line, environment variables (`VERIFIER_…`), `verifier.toml` or `[tool.verifier]`. Out: reports.
Exit codes: 0 satisfied, 1 violated, 2 usage or shape wrong, 3 inconclusive, pending or error, 4 source unreachable.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from verifier import __version__, commands
from verifier.config import load
from verifier.errors import SourceError, SpecError, VerifierError

EXIT_USAGE, EXIT_UNDECIDED, EXIT_SOURCE = 2, 3, 4


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command and exits with its code; no traceback reaches the user."""
    args = list(sys.argv[1:] if argv is None else argv)
    config: dict[str, Any] = {}
    try:
        config = load(cli.commands)
        code = cli.main(
            args=args,
            prog_name="verifier",
            standalone_mode=False,
            default_map=config,
            auto_envvar_prefix="VERIFIER",
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = EXIT_USAGE
    except BrokenPipeError:  # the reader of our output has gone; nobody is left to tell
        code = EXIT_UNDECIDED
    except BaseException as error:
        if isinstance(error, click.NoSuchOption) and error.possibilities:
            from verifier.specwords import closest

            error.possibilities[:] = [closest(error.option_name, error.possibilities)]
        kind, code, problems = _why(error)
        if kind == "internal" and os.environ.get("VERIFIER_DEBUG"):
            raise
        if isinstance(error, click.ClickException):
            error.show()
        else:
            _complain("\n".join(problems))
        if not isinstance(error, commands.UnwritableError):
            _leave_no_old_report(args, config, kind=kind, code=code, problems=problems)
    _leave(int(code or 0))


def _why(error: BaseException) -> tuple[str, int, tuple[str, ...]]:
    """(kind, exit code, sentences) of whatever ended a run."""
    match error:
        case click.ClickException():
            return "usage", EXIT_USAGE, (error.format_message(),)
        case SpecError():
            return "shape", EXIT_USAGE, error.problems
        case SourceError():
            return "source", EXIT_SOURCE, (str(error),)
        case VerifierError():
            return "usage", EXIT_USAGE, tuple(str(error).splitlines())
        case KeyboardInterrupt() | click.Abort():
            return "interrupted", 130, ("interrupted",)
        case OSError():
            said = f"standard output: can't be written ({error.strerror}); give a file: --report FORM=FILE"
            return "usage", EXIT_USAGE, (said,)
        case MemoryError():
            return "memory", EXIT_UNDECIDED, ("out of memory; give fewer files at a time, or a narrower --flow",)
        case Exception():
            said = f"internal error: {type(error).__name__}: {error}. This is a fault of the verifier, not of your flow"
            return "internal", EXIT_UNDECIDED, (f"{said}; run again with VERIFIER_DEBUG=1 and report what it prints",)
    raise error


def _leave_no_old_report(
    args: Sequence[str], config: Mapping[str, Any], *, kind: str, code: int, problems: tuple[str, ...]
) -> None:
    """Says in each report that was asked for that there is none: an earlier one would pass for this run's."""
    name = next((word for word in args if word in cli.commands), "check")
    from verifier.reports import Failure

    with suppress(Exception):  # the first problem is said already
        said = os.environ.get(f"VERIFIER_{name.upper()}_REPORTS", "").split() or config.get(name, {}).get("reports", ())
        wanted = commands.asked_reports(args, cli.commands[name], said)
        failure = Failure(kind=kind, problems=problems, exit_code=code)
        for problem in commands.write_failures(failure, wanted):
            _complain(problem)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="verifier")
def cli() -> None:
    """Says whether a business flow through event-driven services went right, and proves it.

    Exit codes: 0 satisfied, 1 violated, 2 usage or shape wrong, 3 inconclusive, pending or error, 4 source unreachable.
    """


for _name, _command in commands.found().items():
    cli.add_command(_command, _name)


def _complain(text: str) -> None:
    """Says it on standard error, if somebody is left to read it."""
    with suppress(OSError, ValueError, AttributeError):
        for line in text.splitlines():
            click.echo(f"verifier: {line}", err=True)


def _leave(code: int) -> NoReturn:
    """Ends with this code, also where what is still to be written can't be: the exit code is the verdict."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
