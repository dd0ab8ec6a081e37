"""What can go wrong, as one small tree.

    VerifierError             everything that we raise on purpose
    ├── UsageError            the command or the call is wrong               exit 2
    ├── SpecError             a shape is wrong: every problem of it at once  exit 2
    └── SourceError           spans or records cannot be read                exit 4
    AssertionError
    └── Violation             a flow went wrong (for pytest)                 exit 1
        └── Inconclusive      it could not be told whether it did            exit 3

A message says where, what is wrong, what was expected and what to do.
"""

from collections.abc import Sequence


class VerifierError(Exception):
    """Anything that the verifier itself refuses; never raised for what a flow did."""


class UsageError(VerifierError):
    """The call is wrong: an unknown option value, a parameter that no shape has, a time that does not parse."""


class SpecError(VerifierError):
    """A shape cannot be used.

    `problems` holds one full sentence for each fault of the file, each starting with `file:line:column`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SourceError(VerifierError):
    """Spans or records cannot be read at all: no such file, not telemetry, a back-end that does not answer."""


class Violation(AssertionError):
    """A flow went wrong; the first line of the message is the whole story."""


class Inconclusive(Violation):
    """The evidence does not decide; a failure of its own, never a skip and never a pass."""
