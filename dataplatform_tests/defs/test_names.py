"""Every legal id has names in Dagster that are legal and nobody else's."""

from __future__ import annotations

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.defs.names import (
    Names,
    broken_key,
    broken_step,
    group_of,
    legal_tags,
    pool_of,
    split_owners,
)
from dataplatform_tests.defs.site import Site
from opendata.wire.ids import PART_MAX_CHARS, DatasetId, is_id_part

TRICKY = [
    "a-b/c", "a/b-c", "ab/c", "a-b-c/d", "a/b-c-d", "a-b/c-d", "1/2", "1-2/3", "con/nul", "a/a",
    "candidate/release", "release/candidate", "x/candidate", "repair/schedule", "defs/all",
    "class/def", "broken/x", f"{'n' * PART_MAX_CHARS}/{'m' * PART_MAX_CHARS}", "a0/0a",
]  # fmt: skip

words = st.text(alphabet="abz019", min_size=1, max_size=4)
parts = st.lists(words, min_size=1, max_size=4).map("-".join).filter(lambda p: len(p) <= 64)
datasets = st.builds(DatasetId, parts, parts)
anything = st.text(min_size=1, max_size=12)


def all_names(dataset: DatasetId) -> list[str]:
    names = Names(dataset)
    steps = ("candidate", "checks", "release", "published")
    return [names.schedule, *(names.step(step) for step in steps)]


@given(st.sets(datasets, min_size=1, max_size=12))
def test_ids_have_distinct_names(ids: set[DatasetId]) -> None:
    named = [name for dataset in ids for name in all_names(dataset)]
    assert len(named) == len(set(named))
    assert all(name.replace("_", "a").isalnum() and name.isascii() for name in named)


@given(datasets, anything, anything)
def test_a_folder_that_is_no_id_has_a_name_that_no_id_has(
    dataset: DatasetId, namespace: str, name: str
) -> None:
    step = broken_step(namespace, name)
    assert step.isascii() and step.replace("_", "a").isalnum()
    assert step not in all_names(dataset)
    assert group_of(namespace).replace("_", "a").isalnum()
    if not is_id_part(name):
        assert broken_key(namespace, name) not in Names(dataset).all


@given(anything)
def test_every_provider_has_a_pool(provider: str) -> None:
    assert not any(character.isspace() for character in pool_of(provider))
    assert pool_of(provider).isascii()


@given(st.lists(anything))
def test_no_owner_is_lost(owners: list[str]) -> None:
    known, others = split_owners(owners)
    assert sorted([*known, *others]) == sorted(owners)


@pytest.mark.platform
@pytest.mark.requirement("S1-53", "M-4")
def test_all_tricky_ids_load_side_by_side(site: Site) -> None:
    for dataset in TRICKY:
        site.write(dataset=dataset, inputs=["a-b/c"] if dataset != "a-b/c" else None)
    defs = site.defs()
    dg.Definitions.validate_loadable(defs)
    assert len(list(defs.resolve_all_asset_specs())) == 3 * len(TRICKY)
    names = {schedule.name for schedule in defs.schedules or ()}
    of_datasets = {name for name in names if "__" in name}  # the platform's own have none
    assert len(of_datasets) == len(TRICKY)


@pytest.mark.platform
@settings(max_examples=30)
@given(st.lists(anything, max_size=4), st.dictionaries(anything, anything, max_size=4))
def test_whatever_a_definition_says_loads(owners: list[str], tags: dict[str, str]) -> None:
    known, _ = split_owners(owners)
    spec = dg.AssetSpec("any", owners=known, tags=legal_tags(tags))
    dg.Definitions.validate_loadable(dg.Definitions(assets=[spec]))
