"""Mutations of telemetry: what may happen to spans and records, each with what it means for the truth.

In: the rows of one flow (or of a whole run). Out: `Mutation`s, each a small patch; `applied` puts one in. Pure: nothing
here judges, and the same rows give the same mutations in the same order.

    for mutation in drop_span(rows):
        spans, records = applied(mutation, evidence.spans, evidence.records)
        check(shapes, spans=Reading(url="spans", spans=spans), records=Reading(url="records", records=records))
"""

from verifier.mutate.asked import names_asked, names_tied
from verifier.mutate.copies import handle_again, moved, publish_again, redeliver, repeat
from verifier.mutate.loss import (
    drop_attribute_said,
    drop_event,
    drop_event_said,
    drop_record,
    drop_service,
    drop_span,
    drop_topic,
    stop_early,
    truncate,
)
from verifier.mutate.patch import Mutation, Truth, applied, begins, changed, named
from verifier.mutate.ties import mix_ids, new_root, orphan
from verifier.mutate.times import all_later, delay, delay_alone, delay_rest, later, shift_clock, swap, swapped
from verifier.mutate.values import (
    Pool,
    Site,
    change_value,
    empty_value,
    fail,
    made_up,
    pool,
    remove_value,
    sites,
)

__all__ = [
    "Mutation",
    "Pool",
    "Site",
    "Truth",
    "all_later",
    "applied",
    "begins",
    "change_value",
    "changed",
    "delay",
    "delay_alone",
    "delay_rest",
    "drop_attribute_said",
    "drop_event",
    "drop_event_said",
    "drop_record",
    "drop_service",
    "drop_span",
    "drop_topic",
    "empty_value",
    "fail",
    "handle_again",
    "later",
    "made_up",
    "mix_ids",
    "moved",
    "named",
    "names_asked",
    "names_tied",
    "new_root",
    "orphan",
    "pool",
    "publish_again",
    "redeliver",
    "remove_value",
    "repeat",
    "shift_clock",
    "sites",
    "stop_early",
    "swap",
    "swapped",
    "truncate",
]
