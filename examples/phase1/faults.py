"""The table of faults: what can be broken, how, and the rule that must notice.

In: `--faults` on a service's command line, and a name by HTTP (`System.fault`). Out: a service that is wrong in one
way. `python -m examples.phase1.faults` prints the table. A rule is `shape:assertion`, as reports name it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import uuid4

from examples.phase1 import faulty_messages as messages
from examples.phase1 import faulty_services as services
from examples.phase1 import faulty_telemetry as telemetry
from examples.phase1 import topics
from examples.phase1.breaking import Break
from examples.phase1.statuses import Status

Family = Literal[
    "complete_flow", "timeout_monitor", "state_transitions", "race_conditions", "resilience", "unknown_student"
]
Scenario = Literal[
    "guest", "teacher", "timeout", "confirmed then timeout", "early pipeline", "early ready", "again", "slow files"
]
FLOW: Family = "complete_flow"
MONITOR: Family = "timeout_monitor"
STATES: Family = "state_transitions"
RACES: Family = "race_conditions"
OUTAGES: Family = "resilience"
UNKNOWN: Family = "unknown_student"


@dataclass(frozen=True, slots=True)
class Fault:
    """One plausible bug. `changes` says what it changes outside telemetry; `scenario` what must happen to show it."""

    name: str
    service: str
    family: Family
    wrong: str
    changes: str
    caught_by: str
    scenario: Scenario
    break_it: Break


@dataclass(frozen=True, slots=True)
class Misreport:
    """The business is right, what is told of it isn't: `told_by` is the rule that tells, and how surely.

    None: nothing is lost by it, every rule is satisfied.
    """

    name: str
    service: str
    wrong: str
    told_by: str | None
    verdict: Literal["violated", "inconclusive", "satisfied"]
    break_it: Break


told = telemetry.told_otherwise
R, G, C, D = "phase1-regular:", "phase1-guest:", "phase1-classes:", "phase1-decisions:"
CODE = "course_code in the record of"
FAULTS = (
    # -- complete flow
    Fault("code_dropped_registered", "bos", FLOW, "hop 2 without course code", f"{CODE} hop 2", R + "propagates-1",
          "teacher", messages.says(topics.REGISTERED, course_code="")),
    Fault("code_dropped_completed", "els", FLOW, "hop 5 without course code", f"{CODE} hop 5", R + "propagates-1",
          "teacher", messages.says(topics.COMPLETED, course_code="")),
    Fault("code_dropped_command", "bos", FLOW, "hop 6 without course code", f"{CODE} hop 6", R + "propagates-1",
          "teacher", messages.says(topics.COMMAND, course_code="")),
    Fault("code_dropped_requested", "els", FLOW, "hop 7 without course code", f"{CODE} hop 7", R + "propagates-1",
          "teacher", messages.says(topics.REQUESTED, course_code="")),
    Fault("code_dropped_suggested", "nlp", FLOW, "hop 8 without course code", f"{CODE} hop 8", R + "propagates-1",
          "teacher", messages.says(topics.SUGGESTED, course_code="")),
    Fault("code_dropped_confirmed", "cms", FLOW, "hop 10 without course code", f"{CODE} hop 10", R + "propagates-1",
          "teacher", messages.says(topics.CONFIRMED, course_code="")),
    Fault("code_dropped_ready", "els", FLOW, "hop 11 without course code", f"{CODE} hop 11", R + "propagates-1",
          "teacher", messages.says(topics.READY, course_code="")),
    Fault("code_hard_coded", "els", FLOW, "hop 11 always says ENG5", f"{CODE} hop 11", R + "propagates-1",
          "teacher", messages.says(topics.READY, course_code="ENG5")),
    Fault("code_hard_coded_registered", "bos", FLOW, "hop 2 always says ENG5", f"{CODE} hop 2", R + "propagates-1",
          "teacher", messages.says(topics.REGISTERED, course_code="ENG5")),
    Fault("code_hard_coded_completed", "els", FLOW, "hop 5 always says ENG5", f"{CODE} hop 5", R + "propagates-1",
          "teacher", messages.says(topics.COMPLETED, course_code="ENG5")),
    Fault("code_hard_coded_command", "bos", FLOW, "hop 6 always says ENG5", f"{CODE} hop 6", R + "propagates-1",
          "teacher", messages.says(topics.COMMAND, course_code="ENG5")),
    Fault("code_hard_coded_requested", "els", FLOW, "hop 7 always says ENG5", f"{CODE} hop 7", R + "propagates-1",
          "teacher", messages.says(topics.REQUESTED, course_code="ENG5")),
    Fault("code_hard_coded_suggested", "nlp", FLOW, "hop 8 always says ENG5", f"{CODE} hop 8", R + "propagates-1",
          "teacher", messages.says(topics.SUGGESTED, course_code="ENG5")),
    Fault("code_hard_coded_confirmed", "cms", FLOW, "hop 10 always says ENG5", f"{CODE} hop 10", R + "propagates-1",
          "teacher", messages.says(topics.CONFIRMED, course_code="ENG5")),
    Fault("code_in_small_letters", "els", FLOW, "hop 11 says sv1", f"{CODE} hop 11", R + "propagates-1",
          "teacher", messages.says(topics.READY, course_code="sv1")),
    Fault("code_of_a_guest_hard_coded", "els", FLOW, "hop 5 of a guest always says ENG5", f"{CODE} hop 5",
          G + "propagates-1", "guest", messages.says(topics.COMPLETED, course_code="ENG5")),
    Fault("code_of_a_guest_dropped", "els", FLOW, "hop 5 of a guest without course code", f"{CODE} hop 5",
          G + "propagates-1", "guest", messages.says(topics.COMPLETED, course_code="")),
    Fault("code_of_the_class", "cms", FLOW, "hop 10 has the class's course code", f"{CODE} hop 10", R + "propagates-1",
          "teacher", messages.course_code_of_the_class),
    Fault("guest_is_matched", "bos", FLOW, "a guest's batch is sent to matching", "a record of hop 6", G + "never-4",
          "guest", services.guest_is_matched),
    # -- timeout monitor
    Fault("monitor_at_23_hours", "cms", MONITOR, "the monitor acts at 23 h", "confirmed at 23 h", R + "timeout-1",
          "timeout", services.due_after(timedelta(hours=22, minutes=30))),
    Fault("monitor_at_25_hours_30", "cms", MONITOR, "the monitor acts at 25 h 30 min", "not confirmed at 25 h",
          R + "timeout-1", "timeout", services.due_after(timedelta(hours=25, minutes=30))),
    Fault("monitor_never", "cms", MONITOR, "the monitor finds nothing", "never confirmed", R + "timeout-1",
          "timeout", services.due_after(timedelta(days=365))),
    Fault("confirmed_again", "cms", MONITOR, "what a teacher confirmed is confirmed again", "two records of hop 10",
          R + "timeout-1", "confirmed then timeout", services.confirms_what_is_confirmed),
    Fault("monitor_confirms_twice", "cms", MONITOR, "a timeout is told twice, differently", "two records of hop 10",
          R + "occurs-2", "timeout", messages.doubles(topics.CONFIRMED, associations=[])),
    Fault("sure_is_exclusive", "cms", MONITOR, "exactly 0.7 is not sure enough", "an association at 0.7 is UNKNOWN's",
          D + "sure_stays", "timeout", services.keeps_from(0.7, also=False)),
    Fault("sure_too_early", "cms", MONITOR, "0.69 is sure enough", "an association at 0.69 stays",
          D + "sure_stays", "timeout", services.keeps_from(0.69)),
    Fault("nobody_is_sure", "cms", MONITOR, "everybody becomes UNKNOWN", "an association at 1.0 is UNKNOWN's",
          D + "sure_stays", "timeout", services.keeps_from(1.01)),
    Fault("mixes_batches", "cms", MONITOR, "a batch is confirmed with an essay of another", "associations of hop 10",
          C + "essays", "timeout", services.mixes_batches),
    # -- state transitions
    Fault("guard_removed", "bos", STATES, "a batch goes wherever it is sent", "ready before it is matched",
          R + "conforms-1", "early ready", services.guard_removed),
    Fault("state_skipped", "bos", STATES, "from content straight to confirmed", "status at hop 5", R + "conforms-1",
          "teacher", services.goes_to(Status.STUDENTS_CONFIRMED, of=Status.AWAITING_STUDENTS)),
    Fault("ready_at_confirmation", "bos", STATES, "confirmed counts as ready", "status at hop 10", R + "conforms-1",
          "teacher", services.goes_to(Status.READY, of=Status.STUDENTS_CONFIRMED)),
    Fault("pipeline_guard_removed", "bos", STATES, "a pipeline starts before ready", "202 instead of 409",
          R + "precedes-3", "early pipeline", services.pipeline_guard_removed),
    Fault("rollback_keeps_status", "bos", STATES, "the status stays, what came with it is rolled back",
          "status without hop 6", R + "leads_to-8", "teacher", services.rollback_keeps_status),
    # -- race conditions
    Fault("complete_too_early", "els", RACES, "content is complete with one text missing", "hop 5 before the last text",
          R + "precedes-1", "slow files", services.complete_too_early),
    Fault("ready_does_not_wait", "bos", RACES, "ready is handled before the confirmation", "stuck at confirmed",
          R + "leads_to-7", "teacher", services.ready_does_not_wait),
    Fault("ready_before_stored", "els", RACES, "ready is announced, students are not stored", "essay_states.student_id",
          D + "stored_first", "teacher", services.ready_before_stored),
    Fault("content_counts_again", "els", RACES, "the same text again fills another slot", "essay_states with a twin",
          R + "precedes-1", "again", messages.content_counts_again),
    # -- resilience
    Fault("registered_lost", "bos", OUTAGES, "hop 2 lost after the commit", "no record of hop 2", R + "leads_to-1",
          "teacher", messages.drops(topics.REGISTERED)),
    Fault("registered_of_a_guest_lost", "bos", OUTAGES, "hop 2 of a guest lost after the commit", "no record of hop 2",
          G + "sequence-1", "guest", messages.drops(topics.REGISTERED)),
    Fault("completed_of_a_guest_lost", "els", OUTAGES, "hop 5 of a guest lost after the commit", "no record of hop 5",
          G + "sequence-1", "guest", messages.drops(topics.COMPLETED)),
    Fault("completed_lost", "els", OUTAGES, "hop 5 lost after the commit", "no record of hop 5", R + "sequence-1",
          "teacher", messages.drops(topics.COMPLETED)),
    Fault("command_lost", "bos", OUTAGES, "hop 6 lost after the commit", "no record of hop 6", R + "leads_to-2",
          "teacher", messages.drops(topics.COMMAND)),
    Fault("requested_lost", "els", OUTAGES, "hop 7 lost after the commit", "no record of hop 7", R + "leads_to-3",
          "teacher", messages.drops(topics.REQUESTED)),
    Fault("suggested_lost", "nlp", OUTAGES, "hop 8 lost after the commit", "no record of hop 8", R + "leads_to-4",
          "teacher", messages.drops(topics.SUGGESTED)),
    Fault("confirmed_lost", "cms", OUTAGES, "hop 10 lost after the commit", "no record of hop 10", R + "sequence-1",
          "teacher", messages.drops(topics.CONFIRMED)),
    Fault("ready_lost", "els", OUTAGES, "hop 11 lost after the commit", "no record of hop 11", R + "leads_to-7",
          "teacher", messages.drops(topics.READY)),
    Fault("relay_forgets", "bos", OUTAGES, "the relay marks as sent what it never sent", "a sent row without a record",
          R + "leads_to-2", "teacher", messages.relay_forgets(topics.COMMAND)),
    Fault("confirmed_not_retried", "bos", OUTAGES, "the offset is committed before the work", "status after hop 10",
          R + "leads_to-5", "teacher", messages.failed_is_done(topics.CONFIRMED)),
    Fault("registered_not_retried", "els", OUTAGES, "the offset is committed before the work", "no tracker",
          R + "leads_to-1", "teacher", messages.failed_is_done(topics.REGISTERED)),
    Fault("relay_forgets_requested", "els", OUTAGES, "the relay marks as sent what it never sent",
          "a sent row without a record", R + "leads_to-3", "teacher", messages.relay_forgets(topics.REQUESTED)),
    Fault("relay_forgets_confirmed", "cms", OUTAGES, "the relay marks as sent what it never sent",
          "a sent row without a record", R + "sequence-1", "teacher", messages.relay_forgets(topics.CONFIRMED)),
    Fault("relay_forgets_ready", "els", OUTAGES, "the relay marks as sent what it never sent",
          "a sent row without a record", R + "leads_to-7", "teacher", messages.relay_forgets(topics.READY)),
    Fault("completed_not_retried", "bos", OUTAGES, "the offset is committed before the work", "status after hop 5",
          R + "leads_to-8", "teacher", messages.failed_is_done(topics.COMPLETED)),
    Fault("command_not_retried", "els", OUTAGES, "the offset is committed before the work", "no record of hop 7",
          R + "leads_to-2", "teacher", messages.failed_is_done(topics.COMMAND)),
    Fault("requested_not_retried", "nlp", OUTAGES, "the offset is committed before the work", "no record of hop 8",
          R + "leads_to-4", "teacher", messages.failed_is_done(topics.REQUESTED)),
    Fault("suggested_not_retried", "cms", OUTAGES, "the offset is committed before the work", "no association",
          R + "sequence-1", "teacher", messages.failed_is_done(topics.SUGGESTED)),
    Fault("ready_not_retried", "bos", OUTAGES, "the offset is committed before the work", "status after hop 11",
          R + "leads_to-7", "teacher", messages.failed_is_done(topics.READY)),
    Fault("confirmed_twice", "cms", OUTAGES, "one confirmation, two different messages", "two records of hop 10",
          R + "occurs-2", "teacher", messages.doubles(topics.CONFIRMED, associations=[])),
    # -- unknown student
    Fault("unknown_per_batch", "cms", UNKNOWN, "an UNKNOWN student for each batch", "two students rows of a class",
          C + "unknown_student", "timeout", services.unknown_student_per(lambda _, v: v.batch_id)),
    Fault("unknown_per_cycle", "cms", UNKNOWN, "an UNKNOWN student for each cycle", "two students rows of a class",
          C + "unknown_student", "timeout", services.unknown_student_per(lambda m, v: f"{m.next_cycle}{v.class_id}")),
    Fault("unknown_per_essay", "cms", UNKNOWN, "an UNKNOWN student for each essay", "four students rows of a class",
          C + "unknown_student", "timeout", services.unknown_student_per(lambda _, v: f"{v.batch_id}{uuid4()}")),
    Fault("unknown_shared", "cms", UNKNOWN, "one UNKNOWN student for all classes", "one students row for two classes",
          D + "unknown_of_one_class", "timeout", services.unknown_student_per(lambda _, __: "all")),
)  # fmt: skip
BY_NAME = {fault.name: fault for fault in FAULTS}
T = "phase1-telemetry:"
TELEMETRY = (
    Misreport("relay_loses_the_context", "els", "the relay sends in no context",
              T + "published_below_handler", "violated", telemetry.relay_loses_the_context),
    Misreport("els_stops_reporting", "els", "no span leaves it",
              T + "els_tells", "inconclusive", told(telemetry.stops_reporting)),
    Misreport("nlp_stops_reporting", "nlp", "no span leaves it",
              T + "nlp_tells", "inconclusive", told(telemetry.stops_reporting)),
    Misreport("cms_stops_reporting", "cms", "no span leaves it",
              T + "cms_tells", "inconclusive", told(telemetry.stops_reporting)),
    Misreport("bos_loses_answers", "bos", "its HTTP spans are thrown away as noise",
              T + "published_below_handler", "inconclusive", told(telemetry.loses_answers)),
    Misreport("els_loses_parents", "els", "each of its spans begins a trace",
              T + "published_below_handler", "violated", told(telemetry.loses_parent)),
    Misreport("nlp_drops_batch_id", "nlp", "batch_id is taken from its spans",
              T + "handled_says_batch", "violated", telemetry.drops_attribute("batch_id")),
    Misreport("bos_drops_course_code", "bos", "course_code is taken from its spans",
              T + "handled_says_code", "violated", telemetry.drops_attribute("course_code")),
    Misreport("els_drops_event_id", "els", "event_id is taken from its spans; records still say it",
              None, "satisfied", telemetry.drops_attribute("event_id")),
    Misreport("cms_cuts_values", "cms", "values on its spans are cut to 16 characters",
              T + "cms_tells", "violated", telemetry.cuts_values(16)),
    Misreport("els_clock_slow", "els", "its spans are stamped 3 s too early",
              T + "publisher_tells", "violated", telemetry.clock_is_off(timedelta(seconds=-3))),
    Misreport("cms_clock_fast", "cms", "its spans are stamped 3 s too late",
              T + "publisher_tells", "inconclusive", telemetry.clock_is_off(timedelta(seconds=3))),
    Misreport("bos_sends_twice", "bos", "each of its spans arrives twice",
              None, "satisfied", told(telemetry.sends_twice)),
    Misreport("ready_never_ends", "bos", "its last span never ends",
              T + "bos_tells", "violated", told(telemetry.never_ends(f"kafka.consume.{topics.READY}"))),
    Misreport("publish_never_ends", "cms", "a publish span never ends",
              T + "publisher_tells", "inconclusive", told(telemetry.never_ends(f"kafka.publish.{topics.CONFIRMED}"))),
)  # fmt: skip
"""What no rule of the business may be called violated for."""
TROUBLES = {
    "slow_store": services.slow_store,
    "failing_store": services.failing_store,
    "slow_cycle": services.slow_cycle,
}
"""What a good service gets through; the last is CMS's, the others any service's."""


def main() -> None:
    """Prints the table."""
    for fault in FAULTS:
        print(f"{fault.name:24} {fault.service} {fault.family:17} {fault.wrong:52} {fault.caught_by}")  # noqa: T201


if __name__ == "__main__":
    main()
