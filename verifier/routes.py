"""Keys in URL paths: which entity a request was about.

In: a `Correlation` with routes like `/orders/{order_id}/lines`, and a span. Out: the key in the span's path.
"""

import re
from collections.abc import Sequence

from verifier.shape import Correlation
from verifier.spans import PATH, Span, first


def routes_of(correlation: Correlation) -> tuple[re.Pattern[str], ...]:
    """Each route as a pattern whose group `key` is the key; other names in braces match anything but a slash."""
    out = []
    for route in correlation.routes:
        parts = re.split(r"(\{\w+\})", route)
        pattern = "".join(
            "(?P<key>[^/?]+)" if p == f"{{{correlation.key}}}" else "[^/?]+" if p.startswith("{") else re.escape(p)
            for p in parts
        )
        out.append(re.compile(pattern))
    return tuple(out)


def routed(span: Span, routes: Sequence[re.Pattern[str]]) -> str | None:
    """The key in the span's path, if one of the routes has it; a template (`{batch_id}`, `:id`, `*`) is no key."""
    if not routes:
        return None
    from urllib.parse import unquote, urlsplit  # costs more to load than the rest of this module

    texts = [str(v) for name in PATH if (v := first(span.attributes, (name,))) is not None]
    texts.append(span.name.split(" ", 1)[-1])
    for text in texts:
        try:
            path = urlsplit(text).path
        except ValueError:
            continue
        for route in routes:
            match = route.fullmatch(path)
            if match and (key := unquote(match["key"]))[0] not in "{:<*[(":
                return key
    return None
