"""Breaks the system once for each of the named tests: the test must fail, by the rule that watches for it.

    python -m tests.integration.broken [TEST…]

One line a test: the fault of its family, the rule that must be named, and what happened. Ends with 1 if a test passed
on a broken system, or failed for another reason.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from examples.phase1.faults import BY_NAME


class Break(NamedTuple):
    """A named test of a file, and the fault that must not get past it."""

    file: str
    test: str
    fault: str


FLOW, MONITOR, STATES = "complete_flow_with_new_state", "timeout_monitor_integration", "state_transitions"
RACES, OUTAGES, UNKNOWN = "race_condition_prevention", "service_resilience", "unknown_student_flow"
BREAKS = (
    Break(FLOW, "test_regular_batch_complete_phase1_flow", "code_dropped_ready"),
    Break(FLOW, "test_guest_batch_bypasses_student_validation", "guest_is_matched"),
    Break(FLOW, "test_course_code_propagation_all_events", "code_of_the_class"),
    Break(MONITOR, "test_timeout_monitor_24_hour_trigger", "monitor_at_23_hours"),
    Break(MONITOR, "test_high_confidence_auto_confirmation", "sure_is_exclusive"),
    Break(MONITOR, "test_low_confidence_unknown_student", "sure_too_early"),
    Break(MONITOR, "test_multiple_batches_timeout_together", "mixes_batches"),
    Break(STATES, "test_cannot_skip_student_validation_completed", "guard_removed"),
    Break(STATES, "test_essays_not_accessible_before_ready", "pipeline_guard_removed"),
    Break(STATES, "test_state_rollback_on_failure", "rollback_keeps_status"),
    Break(RACES, "test_pipeline_blocked_until_essays_stored", "ready_before_stored"),
    Break(RACES, "test_concurrent_event_processing", "ready_before_stored"),
    Break(OUTAGES, "test_kafka_outage_recovery", "relay_forgets"),
    Break(OUTAGES, "test_database_failure_handling", "confirmed_not_retried"),
    Break(OUTAGES, "test_timeout_monitor_crash_recovery", "monitor_confirms_twice"),
    Break(UNKNOWN, "test_unknown_student_per_class", "unknown_shared"),
    Break(UNKNOWN, "test_unknown_student_reuse", "unknown_per_batch"),
)


def main(wanted: Sequence[str]) -> int:
    """As said above."""
    missed = 0
    for one in BREAKS:
        if wanted and one.test not in wanted:
            continue
        fault = BY_NAME[one.fault]
        said = _run(one)
        caught = said.returncode == 1 and _names(said.stdout, fault.caught_by)
        missed += not caught
        outcome = "caught" if caught else "PASSED" if said.returncode == 0 else "failed for another reason"
        print(f"{one.test:48} {fault.service} {fault.name:24} {fault.caught_by:38} {outcome}", flush=True)
        if not caught and said.returncode:
            print(said.stdout[-4000:])
    return int(missed > 0)


def _names(said: str, rule: str) -> bool:
    """Whether the failure names this rule as violated: in a story, or among the rules that a batch raised."""
    shape, _, assertion = rule.partition(":")
    told = rf"(?<!inconclusive ){assertion} \({shape}\.yaml:|violated: {shape} {assertion} across"
    raised = rf"'{rule}': <Verdict.VIOLATED"
    return re.search(rf"^E .*(?:{told}|{raised})", said, re.MULTILINE) is not None


def _run(one: Break) -> "subprocess.CompletedProcess[str]":
    where = f"tests/integration/test_phase1_{one.file}.py::{one.test}"
    command = [sys.executable, "-m", "pytest", where, "-n", "0", "-q", "--no-cov", "-p", "no:cacheprovider"]
    variables = {"PHASE1_FAULT": f"{BY_NAME[one.fault].service}:{one.fault}"}
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
