"""The strength of shapes in words.

In: `Strength`. Out: lines for people: the figure, what nobody watches, rules that noticed nothing.
"""

from collections.abc import Iterator

from verifier.shape import Shape
from verifier.strength import ENOUGH, Strength, Unwatched
from verifier.wording import clean, duration, wrap

SORT_WORDS = {
    "missing": "a step never happens",
    "late": "a step comes too late",
    "order": "two steps change their order",
    "overlap": "a step runs into the next one",
    "changed": "a value changes",
    "lost": "a value is lost",
    "twice": "an effect happens twice",
    "extra": "a step happens that may not",
    "failed": "a step fails",
}


def lines(strength: Strength, shapes: tuple[Shape, ...], seed: int) -> Iterator[str]:
    """The whole story; plain text."""
    n = len(strength.flows)
    yield f"killed {strength.killed} of {strength.tried} mutants of {n} good flow{'s' * (n != 1)}, {strength.share} %"
    if strength.left_out:
        yield f"a sample: {strength.left_out} more mutants were not tried (--most; seed {seed})"
    yield ""
    for sort, (killed, tried) in strength.by_sort.items():
        yield f"  {SORT_WORDS[sort]:28} {killed:5} of {tried}"
    if n < ENOUGH:
        yield from wrap(f"  orders were not tried: an order is one that at least {ENOUGH} good flows have", rest="  ")
    if strength.doubted:
        yield ""
        yield from wrap(f"{strength.doubted} of the killed were no longer satisfied, but not called violated either")
    if strength.unwatched:
        yield ""
        yield "what nobody watches"
        shown: set[tuple[str, str, str | None]] = set()
        for u in sorted(strength.unwatched, key=lambda u: (-u.lived, u.shape, u.sort, u.attribute or "", u.step)):
            yield from wrap(f"{u.lived} of {u.tried} {u.shape}: {sentence(u)}", first="  ", rest="    ")
            about = (u.shape, u.sort, u.attribute)
            if about in shown:
                continue
            shown.add(about)
            yield from wrap(f"e.g. {clean(u.example)}", first="    ", rest="      ")
    if strength.idle:
        yield ""
        yield "rules that noticed none of them"
        for rule in strength.idle:
            yield f"  {rule}{_at(rule, shapes)}"


def sentence(u: Unwatched) -> str:
    """What may go wrong without any assertion noticing."""
    took = duration(u.took_ns) if u.took_ns is not None else ""
    attribute = clean(u.attribute or "")
    change = f"between {u.other} and {u.step}" if u.other else f"at {u.step}"
    return {
        "missing": f"{u.step} may never happen: no assertion misses it",
        "late": f"{u.step} may come {took} late: no assertion bounds it",
        "order": f"{u.step} may come after {u.other}: no assertion orders them",
        "overlap": f"{u.step} may still run when {u.other} starts: no assertion waits for its end",
        "changed": f"{attribute} may change {change}: no assertion reads it there",
        "lost": f"{attribute} may be lost at {u.step}: no assertion asks for it there",
        "twice": f"{u.step} may happen twice: no assertion counts it",
        "extra": f"{u.step} may happen, as in no good flow: no assertion forbids it",
        "failed": f"{u.step} may fail: no assertion minds",
    }[u.sort]


def _at(rule: str, shapes: tuple[Shape, ...]) -> str:
    name, _, id_ = rule.partition(":")
    for shape in shapes:
        if shape.shape == name and shape.places is not None:
            return f" ({shape.places[shape.ids().index(id_)]})"
    return ""
