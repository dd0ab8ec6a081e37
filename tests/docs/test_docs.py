"""Documentation that can't go stale: what it shows is run, and what it shows as shapes is loaded.

In: the fenced blocks of README.md and docs/. Out: a failure for each block that is not true any more.
`UPDATE_DOCS=1` writes the output of `console` blocks anew (review the diff); `make docs` writes generated pages.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from verifier import cli
from verifier.assertions import kinds
from verifier.specfile import load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNABLE = re.compile(r"verifier( |$)|echo \$\?$")
MOST_COLUMNS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block: its language, its text, and where it begins."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every block of these languages in every page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if match[1] in languages:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(page=page, line=line, language=match[1], text=match[2]))
    return found


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block as it is written, with the output that stands below it."""
    for part in re.split(r"^(?=\$ )", text, flags=re.MULTILINE):
        match = re.match(r"\$ ((?:[^\n]*\\\n)*[^\n]*\n)(.*)", part, re.DOTALL)
        if match:
            yield match[1], match[2]


def run(text: str) -> str:
    """A console block with the output that its commands really give."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("VERIFIER_")}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "COLUMNS": str(MOST_COLUMNS)}
    out, code = "", 0
    for command, _ in commands(text):
        done = subprocess.run(
            ["sh", "-c", f"(exit {code}); {command}"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        out, code = f"{out}$ {command}{done.stdout}", done.returncode
    return out


@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_console_shows_what_is_printed(block: Block) -> None:
    """The output in a console block is the output of its commands, run from the repository's root."""
    strange = [c for c, _ in commands(block.text) if not RUNNABLE.match(c.rstrip("\n"))]
    assert not strange, f"{block}: only `verifier` and `echo $?` are run here; use a `sh` block for {strange}"
    real = run(block.text)
    if os.environ.get("UPDATE_DOCS") and real != block.text:
        page = block.page.read_text(encoding="utf-8")
        assert page.count(block.text) == 1
        block.page.write_text(page.replace(block.text, real), encoding="utf-8")
        return
    assert block.text == real, f"{block} is not what is printed; UPDATE_DOCS=1 writes it anew, then review the diff"


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_shapes_load(block: Block, tmp_path: Path) -> None:
    """A YAML block that is a whole shape can be used as it stands."""
    if block.text.startswith(("shape:", "# yaml-language-server:")):
        path = tmp_path / "shape.yaml"
        path.write_text(block.text, encoding="utf-8")
        assert load(str(path)).assertions


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_configurations_are_taken(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TOML block can be used as `verifier.toml`, or as pyproject.toml if it speaks of a project."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ("pyproject.toml" if "[project" in block.text else "verifier.toml")).write_text(
        block.text, encoding="utf-8"
    )
    with pytest.raises(SystemExit) as left:
        cli.main(["check", "phase1-regular", "--spans", "/nowhere"])
    assert left.value.code == 4, "every table, option and value is understood; then the spans can't be read"


RECIPE = [block for block in blocks("python") if re.match(r"# \w+\.py\n", block.text)]
"""Files that belong together: `test_recipe.py` runs them."""


@pytest.mark.parametrize("block", [block for block in blocks("python") if block not in RECIPE], ids=str)
def test_python_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python block runs from the repository's root, and what it asserts is true."""
    monkeypatch.chdir(ROOT)
    exec(compile(block.text, str(block), "exec"), {"__name__": "docs"})


def test_files_of_a_recipe_are_run() -> None:
    """All of them are on the page that has its own test."""
    assert {block.page.name for block in RECIPE} == {"instrument-an-aiokafka-service.md"}


def test_there_is_something_to_test() -> None:
    """README shows a command with its output, a shape and Python."""
    for language in ("console", "yaml", "python"):
        assert [b for b in blocks(language) if b.page.name == "README.md"], f"README.md has no {language} block"


def test_a_changed_output_is_seen() -> None:
    """The comparison can fail: a block with another output than the command's is not equal to it."""
    assert run("$ verifier --version\nverifier, version 9.9.9\n") != "$ verifier --version\nverifier, version 9.9.9\n"
    assert run("$ verifier check\n$ echo $?\n0\n").endswith("$ echo $?\n2\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link leads to a file that is there."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing, f"{page.relative_to(ROOT)} links to what is not there: {missing}"


def test_generated_pages_are_fresh() -> None:
    """The reference pages are what the code says today."""
    spec = spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = module_from_spec(spec)
    spec.loader.exec_module(generate)
    made = generate.pages()
    stale = [path.name for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    assert not stale, f"not as the code says: {', '.join(stale)}; run: make docs"
    assert all(f"\n## {kind}\n" in made[ROOT / "docs" / "reference" / "kinds.md"] for kind in kinds())


def test_the_plot_is_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plot beside the how-to page shows what the page draws: as many signs, the same words."""
    page = ROOT / "docs" / "how-to" / "plot-step-times.md"
    (code,) = [b.text for b in blocks("python") if b.page == page and "savefig" in b.text]
    drawn = tmp_path / "drawn.svg"
    monkeypatch.chdir(ROOT)
    exec(code.replace("out/step-times.svg", str(drawn)), {"__name__": "docs"})
    made, kept = (p.read_text(encoding="utf-8") for p in (drawn, page.with_name("step-times.svg")))
    assert made.count("<use") == kept.count("<use") > 40
    assert re.findall(r"<text[^>]*>([^<]*)<", made) == re.findall(r"<text[^>]*>([^<]*)<", kept)


def test_the_demo_goes_right() -> None:
    """`make demo-recorded` judges its four captures and says that it went right."""
    command = ["sh", str(ROOT / "docs" / "demo.sh"), str(Path(sys.executable).with_name("verifier"))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as it should be") == 4
    assert "The demo went right" in done.stdout


def test_the_demo_can_go_wrong() -> None:
    """A verifier that says satisfied to everything doesn't pass the demo."""
    command = ["sh", str(ROOT / "docs" / "demo.sh"), "true"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    assert "2 of 4 captures did not get the exit code that they should" in done.stdout
