"""Whether the versions of spec and index repository go together, by the document's own table."""

from __future__ import annotations

import pytest

from dataplatform.bundles.compatibility import (
    COMPATIBILITY_FILE,
    Compatibility,
    cells_of,
    check_compatibility,
    judge_versions,
    parse_compatibility,
    require_compatible,
)
from dataplatform.errors import InvalidDefinition
from dataplatform_tests.bundles.bench import TABLE
from dataplatform_tests.fakes.index_repo import FakeIndexRepo
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from opendata.wire.compatibility import COMPATIBLE
from opendata.wire.errors import Rejected

pytestmark = pytest.mark.requirement(
    "S0-52", "S0-53", "S0-54", "S0-55", "S0-56", "S0-57", "S0-58", "S0-59", "S0-88", "B42"
)


def judged(spec: str | None, index: str | None, table: str = TABLE) -> Compatibility:
    return judge_versions(parse_compatibility(table, COMPATIBILITY_FILE), spec, index)


@pytest.mark.parametrize(
    ("spec", "index", "verdict"),
    [
        ("v1.0.0", "v1.0.1", "compatible"),
        ("1.0.0", "v1.0.0", "compatible"),
        ("v1.1.0", "v1.1.1", "compatible"),
        ("v1.1.0", "v1.0.1", "incompatible"),
        ("v1.0.0", "v1.1.0", "incompatible"),
        ("v1.2.0", "v1.1.0", "incompatible"),
        (None, "v1.1.0", "unknown"),
        ("v1.1.0", None, "unknown"),
    ],
)
def test_what_goes_together(spec: str | None, index: str | None, verdict: str) -> None:
    assert judged(spec, index).verdict == verdict


def test_the_table_is_cells_of_the_one_matrix() -> None:
    cells = cells_of(parse_compatibility(TABLE, COMPATIBILITY_FILE).compatibility_matrix)
    assert [(one.schema_version, one.reader, one.verdict) for one in cells] == [
        ("1.0.0", "1.0.0", COMPATIBLE),
        ("1.0.0", "1.0.1", COMPATIBLE),
        ("1.1.0", "1.1.0", COMPATIBLE),
        ("1.1.0", "1.1.1", COMPATIBLE),
    ]
    assert cells[-1].reasons == ("changed index schema for object_array channel",)


def test_what_must_not_be_indexed_says_what_broke_and_which_guide_helps() -> None:
    found = judged("v1.1.0", "v1.0.1")
    with pytest.raises(Rejected) as refused:
        require_compatible(found)
    assert refused.value.code == "incompatible"
    assert "changed index schema for object_array channel" in refused.value.message
    assert "v1.1.0 goes with v1.1.0, v1.1.1" in refused.value.message
    assert refused.value.hint == "docs/migration/v1.0-to-v1.1.md says how to move on"
    assert refused.value.details["notification_channels"] == ["slack", "email"]


def test_a_version_that_nobody_wrote_down_goes_with_nothing() -> None:
    with pytest.raises(Rejected, match=r"v1\.2\.0 is not in the table") as refused:
        require_compatible(judged("v1.2.0", "v1.1.1"))
    assert refused.value.hint == f"mend {COMPATIBILITY_FILE}"


def test_without_fail_on_incompatible_it_is_a_finding_that_is_told() -> None:
    table = TABLE.replace("fail_on_incompatible: true", "fail_on_incompatible: false")
    found = judged("v1.1.0", "v1.0.0", table)
    require_compatible(found)
    assert (found.verdict, found.notify) == ("incompatible", ("slack", "email"))
    require_compatible(judged(None, "v1.0.0"))
    require_compatible(None)


def repos(spec_files: dict[str, str], index_version: str) -> tuple[FakeSpecRepo, FakeIndexRepo]:
    spec = FakeSpecRepo()
    spec.commit(spec_files)
    index = FakeIndexRepo()
    index.publish({"VERSION": index_version.encode()}, branches=["main"], message="begin")
    return spec, index


def test_both_repositories_declare_their_versions_and_the_spec_s_table_counts() -> None:
    spec, index = repos({COMPATIBILITY_FILE: TABLE, "VERSION": "v1.0.0\n"}, "v1.0.1")
    other = TABLE.replace("v1.0.0", "v9.0.0")
    index.publish({COMPATIBILITY_FILE: other.encode()}, branches=["main"], message="table")
    found = check_compatibility(spec, spec.head(), index)
    assert found is not None
    assert (found.verdict, found.spec_version, found.index_version) == (
        "compatible", "v1.0.0", "v1.0.1",
    )  # fmt: skip


def test_the_table_may_stand_in_the_index_repository() -> None:
    spec, index = repos({"VERSION": "v1.1.0"}, "v1.0.1")
    assert check_compatibility(spec, spec.head(), index) is None
    index.publish({COMPATIBILITY_FILE: TABLE.encode()}, branches=["main"], message="table")
    found = check_compatibility(spec, spec.head(), index)
    assert found is not None
    assert found.verdict == "incompatible"


def test_a_check_that_is_turned_off_is_none() -> None:
    table = TABLE.replace("enable_automatic_check: true", "enable_automatic_check: false")
    spec, index = repos({COMPATIBILITY_FILE: table, "VERSION": "v1.1.0"}, "v1.0.1")
    assert check_compatibility(spec, spec.head(), index) is None
    assert check_compatibility(spec, spec.head(), None) is None


def test_mistakes_in_the_table_are_told_at_their_places() -> None:
    broken = TABLE.replace("breaking_changes: []", "breaking_change: []")
    with pytest.raises(InvalidDefinition) as refused:
        parse_compatibility(broken, COMPATIBILITY_FILE)
    [finding] = refused.value.findings
    assert (finding.line, finding.hint) == (5, "did you mean `breaking_changes`?")
    with pytest.raises(InvalidDefinition, match="has to be a mapping"):
        parse_compatibility("- a", COMPATIBILITY_FILE)
