"""Defects planted into the collection are found by its checks; the product withstands them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform_tests.faults.collection_checks import CHECKS, Gardener, failing_checks
from dataplatform_tests.faults.planted_collection import PLANTED

pytestmark = pytest.mark.requirement("B2", "S4-8", "S4-89")

CAUGHT_BY = {
    "one mark only": "check_one_mark_is_not_enough",
    "marks at any distance": "check_marks_lie_apart",
    "no grace": "check_young_ones_stay",
    "current pointers only": "check_a_rolled_back_release_stays",
    "no candidates": "check_a_staged_candidate_stays",
    "believes any listing": "check_a_lying_listing_is_refused",
    "no second look at what is needed": "check_a_document_of_the_last_moment_counts",
    "no second look at the object": "check_what_was_written_anew_stays",
    "builds that do not write anew": "check_what_was_written_anew_stays",
    "publishers that do not look": "check_a_publisher_at_the_last_moment_is_safe",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_product_withstands(tmp_path: Path, check: object) -> None:
    assert callable(check)
    check(Gardener(), tmp_path)


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_caught(tmp_path: Path, defect: str) -> None:
    assert CAUGHT_BY[defect] in failing_checks(PLANTED[defect], tmp_path)
