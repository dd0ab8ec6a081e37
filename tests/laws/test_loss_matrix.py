"""A small part of the loss matrix: one good and one bad batch, every 13th mutation of each kind, all premises."""

import pytest

from tests.laws.loss_matrix import CASES, Batch, Case, batches, matrix_of, mutations
from tests.laws.loss_page import MEANS
from verifier.mutate import Mutation

EVERY = 13
SMALL = {"regular": True, "enriched/guest": True, "enriched/course_mismatch": False, "duplicates": False}


def _one(capture: str, *, good: bool, records: bool = True) -> Batch:
    case = next(c for c in CASES if c.capture == capture)
    return next(b for b in batches([case]) if b.good == good and b.records == records)


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("capture", SMALL)
def test_no_mutation_turns_a_recorded_batch_over(capture: str, records: bool) -> None:
    """No good batch is violated by damaged telemetry, no bad one satisfied, and something is still decided."""
    batch = _one(capture, good=SMALL[capture], records=records)
    matrix = matrix_of(batch, every=EVERY)
    assert not [text for cell in matrix.values() for text in cell.wrong]
    assert {kind for kind, _, _, _ in matrix} <= set(MEANS)
    repeated = matrix["repeat", "complete", batch.good, records]
    assert repeated.decided == (repeated.mutants if records else 0) or capture.startswith("enriched")
    assert repeated.rules_decided > 0


def test_the_matrix_can_see_a_wrong_verdict() -> None:
    """A mutation that claims to change nothing and drops the guilty span is noticed."""
    batch = _one("duplicates", good=False)
    lying = [
        Mutation(kind=m.kind, what=m.what, truth="unchanged", gone=m.gone, come=m.come)
        for m in mutations(batch)
        if m.kind in ("drop_span", "swap")
    ]
    assert any(cell.wrong for cell in matrix_of(batch, made=lying).values())


def test_every_case_of_the_matrix_is_as_its_truth_file_says() -> None:
    """As many good and bad batches as the truth files have, but for those that are legally pending."""
    good, bad = (sum(getattr(case, which) for case in CASES) for which in ("good", "bad"))
    assert (good, bad) == (37, 8)
    assert {c.capture for c in CASES} >= {"regular", "guest", "course_mismatch", "duplicates", "els_db_outage"}
    assert all(isinstance(c, Case) for c in CASES)
