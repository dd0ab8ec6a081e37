"""What `import verifier` loads: little, so that it costs nothing where it isn't used.

In: fresh processes that import and print what is loaded. Out: the names that must not be among it.
How long it takes is measured by `make bench`; a machine that others use too can't promise a time.
"""

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "pandas", "pyarrow", "grpc", "pydantic", "pydantic_core", "rich", "msgspec", "yaml", "jsonschema")
HEAVY_PACKAGES = ("google.protobuf", "opentelemetry")

PUBLIC = (
    *("Shape", "Step", "Fact", "Machine", "Correlation", "Condition"),
    *("Span", "Event", "Link", "Record", "Flow", "Finding", "Verdict", "Report"),
    *("check", "read", "step_times", "load_shape"),
    *("Violation", "Inconclusive", "VerifierError", "SpecError", "SourceError", "UsageError"),
)


def loaded_by(statement: str) -> set[str]:
    """The names of all modules that a fresh process has loaded after `statement`."""
    program = f"import sys, json\n{statement}\nsys.stdout.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("statement", ["import verifier", "import verifier.cli"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    """No number library, no RPC, no validation, no YAML, no terminal: they are loaded where they are used."""
    loaded = loaded_by(statement)
    assert "verifier" in loaded
    assert not loaded & set(HEAVY)
    assert not [m for m in loaded if m.startswith(HEAVY_PACKAGES)]


def test_importing_the_package_loads_no_command_line() -> None:
    """The library doesn't need click; only the command does."""
    assert "click" not in loaded_by("import verifier")


def test_what_is_loaded_would_be_seen() -> None:
    """The test above can fail: reading a shape does load YAML and pydantic."""
    assert {"yaml", "pydantic"} <= loaded_by("import verifier; verifier.load_shape('phase1-guest')")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_there(name: str) -> None:
    """Each name that users type can be imported from `verifier`, and has a docstring."""
    import verifier

    assert getattr(verifier, name).__doc__
    assert name in verifier.__all__


def test_no_name_is_public_by_accident() -> None:
    """What `verifier` offers is what is written down."""
    import verifier

    assert sorted(verifier.__all__) == sorted(PUBLIC)


def test_a_name_that_is_not_there_is_refused() -> None:
    """A wrong name fails as on every module."""
    import verifier

    with pytest.raises(AttributeError, match="no attribute 'Spam'"):
        _ = verifier.Spam
