"""Forms are found by name, one file each."""

import io

import pytest

from tests.reports import made
from verifier.errors import UsageError
from verifier.reports import forms, write


def test_every_form_is_a_file_that_writes() -> None:
    """Each name that is offered can be written."""
    assert {"json", "terminal"} <= set(forms())
    assert list(forms()) == sorted(forms())
    for form in forms():
        out = io.StringIO()
        write(made.full(), form, out=out)
        assert out.getvalue().endswith("\n")


def test_an_unknown_form_names_the_nearest() -> None:
    """What is wrong, and what was perhaps meant."""
    with pytest.raises(UsageError, match=r"--report terminl: there is no such form; did you mean terminal\?"):
        write(made.satisfied(), "terminl", out=io.StringIO())
    with pytest.raises(UsageError, match=r"there are: .*json.*terminal"):
        write(made.satisfied(), "xxxxxx", out=io.StringIO())
