"""The command `verifier`: arguments -> calls, and exit codes.

In: a command line, environment variables (`VERIFIER_…`), `verifier.toml` or `[tool.verifier]`. Out: reports.
Exit codes: 0 satisfied, 1 violated, 2 usage or shape wrong, 3 inconclusive, pending or error, 4 source unreachable.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from verifier import __version__, commands
from verifier.config import load
from verifier.errors import SourceError, VerifierError

EXIT_USAGE, EXIT_UNDECIDED, EXIT_SOURCE = 2, 3, 4


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command and exits with its code; no traceback reaches the user."""
    try:
        config = load(cli.commands)
        code = cli.main(
            args=list(argv) if argv is not None else None,
            prog_name="verifier",
            standalone_mode=False,
            default_map=config,
            auto_envvar_prefix="VERIFIER",
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = EXIT_USAGE
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        code = 130
    except BrokenPipeError:  # the reader of our output has gone; nobody is left to tell
        code = EXIT_UNDECIDED
    except VerifierError as error:
        code = EXIT_SOURCE if isinstance(error, SourceError) else EXIT_USAGE
        _complain(str(error))
    except OSError as error:
        code = EXIT_USAGE
        _complain(f"standard output: can't be written ({error.strerror}); give a file: --report FORM=FILE")
    except MemoryError:
        _complain("out of memory; give fewer files at a time, or a narrower --flow")
        code = EXIT_UNDECIDED
    except Exception as error:
        if os.environ.get("VERIFIER_DEBUG"):
            raise
        _complain(
            f"internal error: {type(error).__name__}: {error}. This is a fault of the verifier, not of your flow; "
            "run again with VERIFIER_DEBUG=1 and report what it prints"
        )
        code = EXIT_UNDECIDED
    _leave(int(code or 0))


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
