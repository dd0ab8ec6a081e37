"""The house rules that a machine can read: who may import whom, and what no file may hold.

In: every file of `verifier/` as a syntax tree, and what git knows of the rest. Out: a sentence for each rule broken.
A new module needs a ring here (and a line in ARCHITECTURE.md): say what it may import before it imports it.
"""

import ast
import io
import re
import shutil
import subprocess
import tokenize
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import cannot_run
from verifier.assertions import Example, assertion
from verifier.shape import Rule

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "verifier"
MOST_LINES = 400

# ring: room: modules. A name that ends in ".*" stands for every file of that folder.
RINGS: Mapping[int, Mapping[str, tuple[str, ...]]] = {
    0: {"data": ("errors", "spans")},
    1: {
        "words": (
            "shape",
            "flows",
            "crossing",
            "shares",
            "clock",
            "jumps",
            "paths",
            "diagnosis",
            "anomalies",
            "findings",
            "verdict",
            "sketch",
            "sketch.*",
            "wording",
            "wording.*",
            "values",
            "steps",
            "routes",
            "facts",
            "options",
            "binding",
            "occurrences",
            "frames",
        )
    },
    2: {
        "assertions": ("assertions", "assertions.*"),
        "sources": ("sources", "sources.*"),
        "reports": ("reports", "reports.*"),
        "flowview": ("flowview",),
        "shapeview": ("shapeview", "shapeview.*"),
    },
    3: {
        "engine": ("engine", "engine.*", "engine.diagnose.*"),
        "specfile": ("specfile", "speccheck", "specmeaning", "specschema", "specwords", "specyaml"),
    },
    4: {
        "run": ("run", "steptimes", "tally"),
        "mutate": ("mutate", "mutate.*"),
        "receiver": ("receiver", "receiver.*"),
        "strength": ("strength", "strength.*"),
    },
    5: {"pytest": ("live", "pytest_plugin"), "cli": ("cli", "commands", "commands.*", "config", "listen", "progress")},
}
FOUND_BY_NAME = ("assertions.*", "reports.*", "commands.*", "cli", "pytest_plugin")  # no statement imports them
NO_INDEX = ("pypi" + ".org", "pythonhosted" + ".org", "/simple" + "/", "index" + "-url", "find" + "-links")
NO_PLACE = ("/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import of one of our modules, at `line`; `top` if it runs when the module is loaded."""

    of: str
    line: int
    top: bool


def modules() -> Mapping[str, Path]:
    """Every module of the package by its dotted name inside the package; the package itself is ""."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def place_of(module: str) -> tuple[int, str] | None:
    """The ring and room of a module, None if it has none."""
    for ring, rooms in RINGS.items():
        for room, names in rooms.items():
            if module in names or f"{module.rpartition('.')[0]}.*" in names:
                return ring, room
    return None


def imports(module: str) -> list[Import]:
    """Every import of ours in a module, those inside functions and of types alone too."""
    found: list[Import] = []

    def visit(node: ast.AST, *, top: bool) -> None:
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
            found.extend(Import(of=_inside(n), line=node.lineno, top=top) for n in named if _ours(n))
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            if _ours(base):
                inside = _inside(base)
                for alias in node.names:
                    deeper = f"{inside}.{alias.name}".lstrip(".")
                    found.append(Import(of=deeper if deeper in MODULES else inside, line=node.lineno, top=top))
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _for_types(node)
        for child in ast.iter_child_nodes(node):
            visit(child, top=top and not lazy)

    visit(TREES[module], top=True)
    return found


def _ours(name: str) -> bool:
    return name == "verifier" or name.startswith("verifier.")


def _inside(name: str) -> str:
    return name.removeprefix("verifier").lstrip(".")


def _base(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = ["verifier", *module.split(".")] if module else ["verifier"]
    package = parts if MODULES[module].name == "__init__.py" else parts[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def allowed(module: str, of: str) -> str | None:
    """Why a module may not import another; None if it may."""
    if of == "" and module in ("run", "cli"):
        return None  # the version
    if module == "":
        return None  # the public door: it opens every room, and loads it when it is asked for
    mine, other = place_of(module), place_of(of)
    if mine is None or other is None:
        return None if of else "nobody inside imports the public door"
    if other[0] > mine[0]:
        return f"it is of ring {mine[0]}, and {of} of ring {other[0]}: imports go inwards only"
    if mine[0] == other[0] and mine[0] in (2, 3) and mine[1] != other[1]:
        return f"rooms of ring {mine[0]} don't know each other: {mine[1]} may not import {other[1]}"
    if mine[0] == 3 and other[0] == 2 and other[1] != "assertions":
        return f"ring 3 knows no room of ring 2 but assertions, not {other[1]}"
    return None


def test_every_module_has_a_ring() -> None:
    """Nobody adds a module without saying what it may import."""
    homeless = [name for name in MODULES if name and place_of(name) is None]
    assert not homeless, (
        f"no ring for {', '.join(homeless)}: name it in RINGS of {Path(__file__).name} and in the table of "
        "ARCHITECTURE.md, in the innermost ring whose imports are enough for it"
    )


def test_every_ring_names_modules_that_exist() -> None:
    """A module that went away leaves no name behind."""
    named = {n for rooms in RINGS.values() for names in rooms.values() for n in names}
    gone = sorted(n for n in named if n.removesuffix(".*") not in MODULES)
    assert not gone, f"RINGS names what is not there: {', '.join(gone)}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_inwards(module: str) -> None:
    """A module imports only what its ring may, also inside functions."""
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{i.line}: {module} imports verifier.{i.of}; {why}"
        for i in imports(module)
        if (why := allowed(module, i.of))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_rule_of_imports_can_say_no() -> None:
    """The rule itself: inwards and inside a room yes, outwards and across rooms no."""
    assert allowed("engine.judge", "assertions") is None
    assert allowed("reports.json", "reports") is None
    assert "imports go inwards" in str(allowed("spans", "shape"))
    assert "don't know each other" in str(allowed("reports.json", "sources.file"))
    assert "don't know each other" in str(allowed("specfile", "engine.plan"))
    assert "knows no room" in str(allowed("engine.judge", "sources"))
    assert "imports go inwards" in str(allowed("run", "cli"))
    assert "public door" in str(allowed("clock", ""))


def test_no_cycles_when_loading() -> None:
    """No module needs, while it is loaded, one that needs it."""
    needs = {m: sorted({i.of for i in imports(m) if i.top and i.of != m}) for m in MODULES}
    cycles = sorted({tuple(sorted(c)) for m in MODULES if (c := _cycle(m, needs))})
    assert not cycles, f"modules that load each other: {cycles}"


def _cycle(start: str, needs: Mapping[str, list[str]]) -> list[str] | None:
    """The modules on a way from `start` back to it."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for following in needs[way[-1]]:
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return None


def test_no_dead_module() -> None:
    """Every module is imported by another one, or found by its name."""
    used = {i.of for m in MODULES for i in imports(m) if i.of != m}
    parents = {name.rpartition(".")[0] for name in MODULES if "." in name}
    dead = [
        m
        for m in MODULES
        if m and m not in used | parents and m not in FOUND_BY_NAME and f"{m.rpartition('.')[0]}.*" not in FOUND_BY_NAME
    ]
    assert not dead, f"nobody imports {', '.join(dead)}"


@pytest.mark.parametrize("module", MODULES)
def test_only_cli_and_reports_print(module: str) -> None:
    """What the user sees goes through the command line and the forms of report."""
    if module == "cli" or module.startswith(("commands", "reports")):
        return
    lines = [
        node.lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not lines, f"{MODULES[module].relative_to(ROOT)} prints in line {lines}"


@pytest.mark.parametrize("module", MODULES)
def test_code_knows_no_user(module: str) -> None:
    """No code names HuleEdu, Phase 1 or what they are about; an example of the command line may name a shape."""
    domain = ("huleedu", "essay", "student", "teacher", "course_code", "class_type", "class_id", "file_upload")
    names = domain if module.startswith("commands") else (*domain, "phase1")
    found = [
        f"{MODULES[module].relative_to(ROOT)}:{line}: {text[:60]}"
        for line, text in code_words(module)
        if any(name in text.lower() for name in names)
    ]
    assert not found, "\n".join(found)
    assert "huleedu" not in MODULES[module].read_text(encoding="utf-8").lower(), "not in a comment or docstring either"


def code_words(module: str) -> Iterator[tuple[int, str]]:
    """Every word and string of a module's code with its line: no comments, no docstrings."""
    text = MODULES[module].read_text(encoding="utf-8")
    docstrings = {
        node.body[0].lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None
    }
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_doc = token.type == tokenize.STRING and token.start[0] in docstrings
        if token.type != tokenize.COMMENT and not is_doc:
            yield token.start[0], token.string


@pytest.mark.parametrize("module", MODULES)
def test_modules_open_with_a_docstring(module: str) -> None:
    """The first thing that a reader sees says what the file is for."""
    path = MODULES[module]
    if path.name == "__init__.py" and not path.read_text(encoding="utf-8").strip():
        return  # a folder, nothing more
    assert ast.get_docstring(TREES[module]), f"{path.relative_to(ROOT)} has no docstring"


@pytest.mark.parametrize("module", MODULES)
def test_files_can_be_read_in_one_sitting(module: str) -> None:
    """No file is longer than a person wants to read."""
    path = MODULES[module]
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{path.relative_to(ROOT)} has {lines} lines, {MOST_LINES} at most: split it"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_left_for_later(module: str) -> None:
    """What is not done is an issue, not a comment."""
    marks = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3))
    text = MODULES[module].read_text(encoding="utf-8")
    found = [n for n, line in enumerate(text.splitlines(), 1) if re.search(rf"\b({marks})\b", line)]
    assert not found, f"{MODULES[module].relative_to(ROOT)}: left for later in line {found}"


def test_a_kind_is_named_as_its_file() -> None:
    """`@assertion` refuses a class that is not named as its file."""
    with pytest.raises(TypeError, match="the class is named Other, its file asks for OnTime"):
        assertion(_kind("Other"))
    assert assertion(_kind("OnTime")).kind == "on_time"


@pytest.mark.parametrize("lacking", ["__doc__", "check", "examples"])
def test_a_kind_has_docstring_check_and_examples(lacking: str) -> None:
    """`@assertion` refuses a class that lacks its page, its rule or its tests."""
    with pytest.raises(TypeError, match="needs a docstring"):
        assertion(_kind("OnTime", without=lacking))


def _kind(name: str, *, without: str = "") -> type[Rule]:
    body = {
        "__module__": "elsewhere.on_time",
        "__doc__": "A kind.",
        "check": lambda self, flow: None,
        "examples": (Example(verdict="satisfied", sketch=""),),
    }
    return type(name, (Rule,), {key: value for key, value in body.items() if key != without})


# ---- the rest of the repository


def tracked() -> list[Path]:
    """Every file that git knows, or would if it were added."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        cannot_run("this is no git checkout", "git clone the repository, then make test")
    asked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / name for name in asked.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_knows_where_it_was_made() -> None:
    """No machine's paths and no address of a package index are in any file."""
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        for word in (*NO_INDEX, *NO_PLACE):
            before = r"(?<![\w.])" if word in NO_PLACE else ""
            if re.search(before + re.escape(word), text):
                found.append(f"{path.relative_to(ROOT)} holds {word}")
    assert not found, "\n".join(found)


def test_every_dependency_is_pinned() -> None:
    """Each dependency of pyproject.toml has one exact version in constraints.txt."""
    pinned = {_canonical(name): version for name, version in _pins()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for ds in project["optional-dependencies"].values() for d in ds)]
    names = {_canonical(re.split(r"[\[<>=!~; ]", text)[0]) for text in wanted} - {_canonical(project["name"])}
    missing = sorted(names - set(pinned))
    assert not missing, f"constraints.txt has no version of {', '.join(missing)}: add the line that pip freeze prints"


def test_constraints_hold_nothing_but_versions() -> None:
    """Every line is `name==version`, each name once."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)]
    assert not wrong, f"not name==version: {wrong}"
    names = [_canonical(name) for name, _ in _pins()]
    assert len(names) == len(set(names))


def _pins() -> list[tuple[str, str]]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [(name, version) for name, sep, version in (line.partition("==") for line in lines) if sep]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_license_is_the_one_that_is_named() -> None:
    """The licence's whole text is in the repository and in the package's data."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_these_tests_see_the_package() -> None:
    """The list that these tests go through is not empty and holds what the project is made of."""
    assert {"", "errors", "spans", "cli", "run", "assertions.occurs", "engine.decide"} <= set(MODULES)
