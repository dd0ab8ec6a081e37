"""Small faults in the code of a kind, one at a time: what a hurried hand could have written instead.

In: a kind's source. Out: `Mutant`s: the whole source with one fault in it, where it is and what it says now.
Left alone: examples, docstrings, annotations, `problems` (what the loading of shapes tests), and what only words need
(service, anomaly, jumped, functions that make texts): that has golden tests of its own.
"""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

ONLY_WORDS = frozenset(
    {
        "allowed",
        "anomaly",
        "attempts",
        "doubt",
        "evidence",
        "excused",
        "group",
        "instead",
        "jumped",
        "limit_ns",
        "message",
        "order",
        "raw",
        "service",
        "settled_by",
        "since",
        "topic",
        "wanted",
        "why",
    }
)
CLAIMS = frozenset(
    {
        "absences",
        "activated",
        "activators",
        "but_maybes",
        "certain",
        "evidence",
        "findings",
        "records",
        "since_ns",
        "spans",
        "until_ns",
    }
)
SURE = frozenset({"Detached", "Early", "Illegal", "Late", "Mismatch", "Misordered", "Missing", "Unexpected"})
MORE: Mapping[str, Mapping[str, object]] = {  # what a claim may say too much
    **{name: {"certain": False} for name in SURE},
    "Absence": {"but_maybes": True, "until_ns": 0},
    "Result": {"activated": False},
}
LEFT_ALONE = frozenset({"problems", "said", "_message", "_topic", "_wanted", "_group"})
COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
WORDS = {"yes": "no", "no": "unknown", "unknown": "no", "start": "end", "end": "start", "known": "absent"}
WORDS |= {"absent": "unreadable", "unreadable": "known", "business": "plain"}
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
MOST_AROUND = 80
FIELDS = {"lo": "hi", "hi": "lo", "first_ns": "last_ns"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A kind's source with one fault: in the function `where`, in `line`, `before` reads `after` now."""

    kind: str
    where: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """What was changed, without the line: lines move."""
        return f"{self.kind}.{self.where}: {self.before} -> {self.after}"


def mutants(kind: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a kind's source, in the order of the source."""
    tree = ast.parse(source)
    for path in _places(tree):
        for change in _changes(_at(tree, path)):
            broken = copy.deepcopy(tree)
            around = _around(broken, path)
            before = ast.unparse(_at(broken, around))
            _put(broken, path, change(_at(broken, path)))
            ast.fix_missing_locations(broken)
            before, after = _apart(" ".join(before.split()), " ".join(ast.unparse(_at(broken, around)).split()))
            yield Mutant(
                kind=kind,
                where=next(n.name for n in reversed(_way(tree, path)) if isinstance(n, ast.FunctionDef)),
                line=next(n.lineno for n in reversed(_way(tree, path)) if hasattr(n, "lineno")),
                before=before,
                after=after,
                source=ast.unparse(broken),
            )


Step = tuple[str, int | None]
Path = tuple[Step, ...]


def _places(tree: ast.Module) -> list[Path]:
    """The way to every node that may be changed."""
    found: list[Path] = []

    def visit(node: ast.AST, path: Path) -> None:
        found.append(path)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "args", "bases", "type_params") and not (
                isinstance(node, ast.Call) and name == "args"
            ):
                continue
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST) and not _left_alone(child) and not _decides_ties(node, child):
                    visit(child, (*path, (name, index)))

    for index, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name not in LEFT_ALONE:
            visit(node, (("body", index),))
        elif isinstance(node, ast.ClassDef):
            for inner, method in enumerate(node.body):
                if isinstance(method, ast.FunctionDef) and method.name not in LEFT_ALONE:
                    visit(method, (("body", index), ("body", inner)))
    return found


def _decides_ties(node: ast.AST, child: ast.AST) -> bool:
    """Whether it is the tuple of a sort key: without its last part only ties are decided otherwise."""
    return isinstance(node, ast.Lambda) and isinstance(child, ast.Tuple)


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg in ONLY_WORDS or node.arg == "strict"
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "why":
        return True
    if isinstance(node, ast.Assert):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_default(given: ast.keyword) -> bool:
    return isinstance(given.value, ast.Constant) and given.value.value is True and given.arg in ("activated", "certain")


def _changes(node: ast.AST) -> list[Callable[[ast.AST], ast.AST]]:
    """The faults that this node can get."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARE:
            return [_with(ops=[other()]) for other in COMPARE[type(op)]]
        case ast.BoolOp(op=ast.And()):
            return [_with(op=ast.Or())]
        case ast.BoolOp(op=ast.Or()):
            return [_with(op=ast.And())]
        case ast.UnaryOp(op=ast.Not()):
            return [lambda n: n.operand]  # type: ignore[attr-defined]
        case ast.BinOp(op=ast.Add()):
            return [_with(op=ast.Sub())]
        case ast.BinOp(op=ast.Sub()):
            return [_with(op=ast.Add())]
        case ast.Constant(value=bool() as value):
            return [_with(value=not value)]
        case ast.Constant(value=int() as value):
            return [_with(value=value + 1)]
        case ast.Constant(value=str() as value) if value in WORDS:
            return [_with(value=WORDS[value])]
        case ast.Name(id=name) if name in NAMES:
            return [_with(id=NAMES[name])]
        case ast.Attribute(attr=name) if name in FIELDS:
            return [_with(attr=FIELDS[name])]
        case ast.Call(func=ast.Name(id=name), keywords=given) if name in MORE or any(k.arg in CLAIMS for k in given):
            less = [_without(k.arg) for k in given if k.arg in CLAIMS and not _is_default(k)]
            said = {k.arg for k in given}
            if any(k.arg == "findings" and isinstance(k.value, ast.Tuple) for k in given):
                said.add("activated")  # what was found was activated
            return less + [_and(arg, value) for arg, value in MORE.get(name, {}).items() if arg not in said]
        case ast.Tuple(elts=[_, *_]) | ast.List(elts=[_, *_]) if isinstance(node.ctx, ast.Load):
            return [_with(elts=node.elts[:-1])]
        case ast.Continue():
            return [lambda _: ast.Pass()]
        case ast.If() | ast.IfExp():
            return [_with(test=ast.Constant(True)), _with(test=ast.Constant(False))]
        case ast.comprehension():
            return [_with(ifs=[ast.Constant(False)]), _but("[1:]"), _but("[:-1]")]
        case ast.For():
            return [_but("[1:]"), _but("[:-1]")]
    return []


def _with(**changed: object) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        other = copy.copy(node)
        for name, value in changed.items():
            setattr(other, name, value)
        return other

    return change


def _without(keyword: str | None) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        other = copy.copy(node)
        other.keywords = [k for k in node.keywords if k.arg != keyword]
        return other

    return change


def _and(keyword: str, value: object) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        more = ast.keyword(arg=keyword, value=ast.Constant(value))  # type: ignore[arg-type]
        return _with(keywords=[*node.keywords, more])(node)

    return change


def _but(part: str) -> Callable[[ast.AST], ast.AST]:
    """Only a part of what is gone through."""

    def change(node: ast.AST) -> ast.AST:
        every = ast.unparse(node.iter)  # type: ignore[attr-defined]
        return _with(iter=ast.parse(f"list({every}){part}", mode="eval").body)(node)

    return change


def _around(tree: ast.AST, path: Path) -> Path:
    """The way to what stands around a place, as far as it is short: a `0` alone says nothing."""
    while len(path) > 1 and isinstance(_at(tree, path[:-1]), ast.expr | ast.keyword | ast.comprehension):
        if len(ast.unparse(_at(tree, path[:-1]))) > MOST_AROUND:
            break
        path = path[:-1]
    return path


def _way(tree: ast.AST, path: Path) -> list[ast.AST]:
    """Every node on the way."""
    return [_at(tree, path[:n]) for n in range(1, len(path) + 1)]


def _at(tree: ast.AST, path: Path) -> ast.AST:
    node = tree
    for name, index in path:
        value = getattr(node, name)
        node = value if index is None else value[index]
    return node


def _put(tree: ast.AST, path: Path, new: ast.AST) -> None:
    *way, (name, index) = path
    owner = _at(tree, tuple(way))
    if index is None:
        setattr(owner, name, new)
    else:
        getattr(owner, name)[index] = new


def _apart(before: str, after: str) -> tuple[str, str]:
    """What differs in two texts, with some of what stands around it."""
    same = _alike(before, after)
    end = _alike(before[same:][::-1], after[same:][::-1])
    begin, stop = max(0, same - MOST_AROUND // 2), max(0, end - MOST_AROUND // 2)
    return _short(before[begin : len(before) - stop]), _short(after[begin : len(after) - stop])


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _short(text: str) -> str:
    return text if len(text) <= 2 * MOST_AROUND else f"{text[:100]} … {text[-57:]}"
