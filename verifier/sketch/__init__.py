r"""A sketch: a small text picture of spans and records, parsed and printed here.

In: text, or spans and records. Out: a `Sketch`, or text that parses back to the same. Tests, docs, examples of
assertions, bug reports and the terminal use it. One row is one thing; what is indented (by two blanks or more) belongs
to the nearest span above that is less indented; blank lines and lines that start with # say nothing. A row that ends
in a blank and a backslash goes on in the next line; inside a word, if that line begins with a backslash.

    # service : span name @ start..end, then attributes
    shop : POST /v1/orders @ 0..12ms $kind=server order_id=o1
      * state.changed @ 3ms from=new to=ready
      [orders.placed 0:17] @ 13ms event_id=e1 data.currency=EUR
      &send shop : publish @ 10..11.5ms
      payments#2 : consume ! @ 40..55ms "no such card" retry=1 final=false
        ~> send
        ~> ?
    ^ stock : check @ 1s..? text="two words" ids=["a", "b"]
    [orders.closed 0:3] @ ..2s $key=o1

Rows:

    service : name @ time k=v      a span; at column 0 the root of a new trace, deeper a child of the span above
    service#2 : name @ time        another process of the service: its instance is "service#2", else just "service"
    service : name ! @ time "m"    status error, with its message if there is one; + in place of ! is status ok
    &label service : name @ time   a span with a label, for links to point to
    ^ service : name @ time        a span whose parent is not in the sketch; indented, of the trace of the span above
    * name @ time k=v              an event of the span above
    ~> label k=v                   a link from the span above to the labelled one
    ~> ? k=v                       a link to a span that is not in the sketch
    [topic 0:17] @ time path=v     a Kafka record, partition:offset; published by the span above; at column 0 it
                                   does not say by whom
    ^ [topic 0:17] @ time path=v   a record published by a span that is not in the sketch

Times count from `ORIGIN_NS`, in ns, us, ms, s, m, h or d, with decimals; a unit left out is that of the other side:

    0..12ms   500us..1.5s   -2..1ms   5..3ms (ends before it starts)   5ms (takes no time)   5ms..? (no end known)
    of a record: 13ms (known)   13..20ms (made..seen)   ..20ms (seen; it does not say when it was made)

Attributes are name=value, on a record dotted paths into its JSON envelope (a quoted name there is one key, dots and
all). true, false, null, 12 and -1.5 are what they look like; "…", […] and {…} are JSON; {"$hex": "00ff"} is bytes; all
else is a string. Names that start with $ are fields: of a span $kind, $instance (null: unknown), $state (its trace
state) and $root=true (indented, yet without a parent); of a record $key and $sampled=false (flag of its traceparent).

A name of any kind that could be misread (" @ ", quotes, control characters) is written as a JSON string. Ids count in
the order of the picture. Resources, headers and counts of dropped things are not in the picture.
"""

from verifier.sketch.drawing import render
from verifier.sketch.reading import Sketch, parse
from verifier.sketch.signs import ORIGIN_NS

__all__ = ["ORIGIN_NS", "Sketch", "parse", "render"]
