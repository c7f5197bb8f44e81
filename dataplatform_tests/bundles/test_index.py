"""From a commit to a lock that readers find: what is stored, and what a second time does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from dataplatform.bundles.asked import ask_for_file
from dataplatform.bundles.compatibility import COMPATIBILITY_FILE
from dataplatform.bundles.gather import How
from dataplatform.bundles.index import index_asked, plan_bundle
from dataplatform.bundles.outcomes import PUBLISHED
from dataplatform.channels.progress import NO_PROGRESS
from dataplatform.errors import InvalidDefinition
from dataplatform_tests.bundles.bench import ASKED, PATH, STEM, TABLE, Bench, bundle_text
from dataplatform_tests.bundles.drafts import signer
from dataplatform_tests.fakes.index_repo import FakeIndexRepo
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.file_index.bundles import (
    find_bundle,
    read_bundle_catalogue,
    read_bundle_pointer,
)
from opendata.wire import keys
from opendata.wire.bundle import parse_bundle_ref
from opendata.wire.errors import Conflict, Denied, NotFound, Rejected

pytestmark = pytest.mark.requirement("S0-1", "S0-80", "S0-82")
REF = parse_bundle_ref(PATH)
QUIET = How(False, frozenset(), NO_PROGRESS, lambda step: None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.pictures("images", 30)
    return bench


@pytest.mark.requirement("S0-15", "S0-16", "S0-41", "S0-42", "S0-79", "S0-85", "B18", "B20")
def test_a_commit_becomes_a_lock_that_readers_find(bench: Bench) -> None:
    bench.signer = signer()
    commit = bench.ask()
    done = bench.index()
    found = find_bundle(bench.store, "model", "v1.0.0-2025.25").lock
    assert done.changed
    assert found == done.lock
    assert found.spec.commit == commit
    verify_bundle(found, bench.signer.trust())
    [images] = found.channels
    assert (images.channel, images.version, images.file_count) == ("images", "1.2.0", 30)
    assert bench.store.get(images.index).data == bench.store.get(images.index_file).data
    [entry] = read_bundle_catalogue(bench.store).bundles
    assert (entry.revision, entry.total_files, entry.channels) == (1, 30, ("images",))
    document = bench.store.get(keys.bundle_document_key(REF)).data
    assert bench.indexes is not None
    for branch in (f"data/{STEM}", "main"):
        # What goes to git is YAML; the index stays in the store.
        assert bench.indexes.branches[branch].keys() == {
            PATH, "channels/images/v1.2.0/index.yaml",
        }  # fmt: skip
        assert bench.indexes.read(PATH, branch) == document
        assert bench.indexes.messages[branch] == [f"generate data index: {STEM}"]
    assert set(done.commits) == {f"data/{STEM}", "main"}


def test_the_same_again_changes_nothing(bench: Bench) -> None:
    bench.ask()
    first = bench.index()
    before = {stat.key: stat.token for stat in bench.store.list("")}
    again = bench.index()
    assert (again.changed, again.lock, again.commits) == (False, first.lock, first.commits)
    assert {stat.key: stat.token for stat in bench.store.list("")} == before


class RefusingIndexRepo(FakeIndexRepo):
    """An index repository that nobody may push to."""

    def publish(self, *args, **named):  # type: ignore[no-untyped-def]
        raise Denied("the index repository refuses commits", code="push_refused")


def test_a_push_that_fails_says_what_is_done_and_the_same_again_finishes_it(bench: Bench) -> None:
    bench.ask()
    with pytest.raises(Denied) as refused:
        replace(bench, indexes=RefusingIndexRepo()).index()
    assert (refused.value.code, refused.value.details[PUBLISHED]) == ("push_refused", True)
    assert find_bundle(bench.store, "model").lock.revision == 1
    again = bench.index()
    assert (again.changed, again.lock.revision) == (False, 1)
    assert bench.indexes is not None
    assert bench.indexes.read(PATH) == bench.store.get(PATH).data


def test_without_an_index_repository_documents_stay_in_the_store(bench: Bench) -> None:
    bench.indexes = None
    bench.ask()
    assert bench.index().commits == {}
    assert yaml.safe_load(bench.store.get(PATH).data)["meta"]["total_files"] == 30


@pytest.mark.requirement("S0-25", "S0-29", "S0-32", "B16")
def test_totals_count_what_lies_in_the_range_both_ends_included(bench: Bench) -> None:
    ranged = (
        "  - channel: images\n    version: '*'\n    data_range: "
        "{start_time: '2025-06-01T03:00:00Z', end_time: '2025-06-01T07:00:00Z'}\n"
    )
    bench.ask(bundle_text(ranged))
    [images] = bench.index().lock.channels
    # Hours 3, 4 and 5 have two pictures each (3 and 27, …), 6 and 7 have one.
    assert images.file_count == 8
    sizes = [len(b"%d" % number * 10) for number in (3, 4, 5, 6, 7, 27, 28, 29)]
    assert images.total_bytes == sum(sizes)


def test_files_without_a_time_belong_to_an_open_range_alone(bench: Bench) -> None:
    bench.put_files("images", {"readme.txt": b"hello"})
    asked = "  - {channel: images, version: '*'}\n"
    assert bench.ask(bundle_text(asked))
    assert bench.index().lock.total_files == 31
    other = PATH.replace("2025.25", "2025.26")
    bench.commit({other: bundle_text(version="v1.0.0-2025.26")})
    assert bench.index(other).lock.total_files == 30


@pytest.mark.requirement("B16")
def test_declared_totals_are_compared_and_a_difference_ends_it(bench: Bench) -> None:
    declared = (
        "  - {channel: images, version: '*', file_count: 30, total_size: 500B, "
        "storage_path: lake/images/}\n"
    )
    bench.ask(bundle_text(declared, meta=", total_files: 30, data_volume: 500B"))
    assert bench.index().lock.total_files == 30
    wrong = declared.replace("30,", "31,").replace("500B", "1.2TB").replace("lake/", "s3://lake/")
    other = PATH.replace("2025.25", "2025.26")
    meta = ", total_files: 150000, data_volume: 2.5TB"
    bench.commit({other: bundle_text(wrong, meta=meta, version="v1.0.0-2025.26")})
    with pytest.raises(Rejected) as refused:
        bench.index(other)
    assert refused.value.code == "declared_totals"
    assert refused.value.details["differences"] == [
        "images: 31 files, and there are 30",
        "images: 1.2TB, and it is 500B (500 bytes)",
        "images: files in s3://lake/images/, and they are in lake/images/",
        "total_files 150,000, and there are 30",
        "data_volume 2.5TB, and it is 500B (500 bytes)",
    ]
    assert read_bundle_pointer(bench.store, parse_bundle_ref(other)) is None


def test_what_cannot_be_resolved_is_reported_before_anything_is_read(bench: Bench) -> None:
    bench.ask(
        bundle_text("  - {channel: images, version: '>=2'}\n  - {channel: imges, version: '1'}\n")
    )
    with pytest.raises(Rejected) as refused:
        bench.index()
    assert refused.value.code == "unresolvable"
    assert len(refused.value.details["unresolved"]) == 2
    assert not list(bench.store.list(""))


def test_files_that_are_not_where_they_should_be(bench: Bench) -> None:
    shutil.rmtree(bench.root / "lake" / "images")
    bench.pictures("lidar", 3)
    both = "  - {channel: images, version: '*'%s}\n  - {channel: lidar, version: '*'}\n"
    bench.ask(bundle_text(both % ""), "images", "lidar")
    with pytest.raises(Rejected, match=r"images \*: .*lake/images") as refused:
        bench.index()
    assert refused.value.code == "unresolvable"
    bench.commit({PATH: bundle_text(both % ", required: false")})
    lock = bench.index().lock
    assert [one.channel for one in lock.channels] == ["lidar"]
    [left] = lock.left_out
    assert left.channel == "images"
    assert "lake/images" in left.reason


def test_a_bundle_of_which_nothing_is_left_is_no_bundle(bench: Bench) -> None:
    bench.ask(bundle_text("  - {channel: lidar, version: '*', required: false}\n"))
    with pytest.raises(Rejected, match="nothing is left of weekly/model"):
        bench.index()


def test_a_channel_of_no_files_is_locked_with_none(bench: Bench) -> None:
    (bench.root / "lake" / "empty").mkdir()
    bench.ask(bundle_text("  - {channel: empty, version: '*'}\n"), "empty")
    lock = bench.index().lock
    assert (lock.total_files, lock.total_bytes) == (0, 0)


def test_a_broken_spec_is_told_at_its_place(bench: Bench) -> None:
    bench.ask(bundle_text("  - {chanel: images, version: '*'}\n"))
    with pytest.raises(InvalidDefinition, match=rf"{PATH}:3:6: unknown key `chanel`"):
        bench.index()


def test_a_correction_inside_the_window_is_a_revision_and_after_it_refused(bench: Bench) -> None:
    first = bench.ask()
    bench.index()
    bench.pictures("images", 5, first=30)
    corrected = bench.index()
    assert (corrected.changed, corrected.lock.revision, corrected.lock.total_files) == (True, 2, 35)
    earlier = find_bundle(bench.store, "model", revision=1).lock
    assert earlier.total_files == 30
    assert bench.store.stat(earlier.channels[0].index) is not None
    bench.pictures("images", 5, first=35)
    bench.pass_time(timedelta(days=8))
    with pytest.raises(Conflict, match=r"35 files .* become 40 files") as refused:
        bench.index(commit=first)
    assert refused.value.code == "bundle_frozen"
    assert find_bundle(bench.store, "model").lock.revision == 2


def test_what_comes_in_beyond_the_range_changes_no_bundle(bench: Bench) -> None:
    june_1 = "  - {channel: images, version: '*', data_range: {end_time: 2025-06-01}}\n"
    bench.ask(bundle_text(june_1))
    first = bench.index()
    bench.pictures("images", 9, day=2)
    bench.pass_time(timedelta(days=30))
    again = bench.index()
    assert (again.changed, again.lock) == (False, first.lock)
    assert again.channels[0].index.total_files == 39


@pytest.mark.requirement("B5")
def test_a_pinned_index_that_is_lost_is_followed_by_the_channel_s_new_one(bench: Bench) -> None:
    """What the lock pins gives readers nothing any more, so keeping it would help nobody."""
    bench.ask(bundle_text(ASKED.replace("}}", ", end_time: 2025-06-01}}")))
    pinned = bench.index().lock.channels[0]
    bench.store.delete(pinned.index)
    bench.pictures("images", 1, day=2)  # beyond the range
    done = bench.index()
    assert (done.lock.revision, done.lock.total_files) == (2, 30)
    assert done.lock.channels[0].index != pinned.index


def test_an_older_commit_that_arrives_late_changes_nothing(bench: Bench) -> None:
    older = bench.ask()
    newer = bench.commit({PATH: bundle_text(ASKED.replace("<2", "<1.3"))})
    done = bench.index()
    assert done.lock.spec.commit == newer
    late = bench.index(commit=older)
    assert (late.superseded, late.changed, late.lock) == (True, False, done.lock)


def test_a_commit_that_changes_nothing_is_known_to_have_been_seen(bench: Bench) -> None:
    first = bench.ask()
    bench.index()
    second = bench.commit({PATH: bundle_text() + "# a remark\n"})
    done = bench.index()
    pointer = read_bundle_pointer(bench.store, REF)
    assert pointer is not None
    assert (done.changed, done.lock.spec.commit, pointer.spec_commit) == (False, first, second)
    bench.index(commit=first)
    assert read_bundle_pointer(bench.store, REF) == pointer


def test_only_the_channels_that_are_named_are_looked_at_anew(bench: Bench) -> None:
    bench.pictures("lidar", 3)
    both = "  - {channel: images, version: '*'}\n  - {channel: lidar, version: '*'}\n"
    bench.ask(bundle_text(both), "images", "lidar")
    bench.index()
    bench.pictures("lidar", 1, first=3)
    bench.pictures("images", 1, first=30)
    done = bench.index(only=["lidar"])
    assert [one.index.channel for one in done.channels] == ["lidar"]
    assert {one.channel: one.file_count for one in done.lock.channels} == {"images": 30, "lidar": 4}
    with pytest.raises(NotFound, match="radar is no channel of this bundle"):
        bench.index(only=["radar"])


def test_an_alias_is_locked_under_the_channel_s_own_name(bench: Bench) -> None:
    bench.commit(bench.channel_spec("images", more="aliases: [pictures]\n"))
    bench.commit({PATH: bundle_text("  - {channel: pictures, version: '*'}\n")})
    done = bench.index()
    [images] = done.lock.channels
    assert (images.channel, images.requested_as) == ("images", "pictures")
    assert done.lock.channel("pictures") == images
    assert done.notes == ("pictures is another name of images, which was locked",)


@pytest.mark.requirement("S0-52", "S0-57", "S0-58", "S0-59", "S0-88")
def test_repositories_that_do_not_go_together_end_it_before_anything_is_read(
    bench: Bench,
) -> None:
    bench.ask()
    bench.commit({COMPATIBILITY_FILE: TABLE, "VERSION": "v1.1.0"})
    assert bench.indexes is not None
    bench.indexes.publish({"VERSION": b"v1.0.0"}, branches=["main"], message="version")
    bench.commit({PATH: bundle_text() + "# again\n"})
    with pytest.raises(Rejected) as refused:
        bench.index()
    assert refused.value.code == "incompatible"
    assert not list(bench.store.list(""))
    lenient = TABLE.replace("fail_on_incompatible: true", "fail_on_incompatible: false")
    bench.commit({COMPATIBILITY_FILE: lenient, PATH: bundle_text() + "# once more\n"})
    done = bench.index()
    assert done.compatibility is not None
    assert done.compatibility.verdict == "incompatible"
    assert (done.lock.spec_version, done.lock.index_version) == ("v1.1.0", "v1.0.0")


def test_a_lone_file_is_known_by_its_bytes_and_else_names_no_commit(bench: Bench) -> None:
    commit = bench.ask()
    later = bench.commit({"README.md": "later"})
    known = ask_for_file(bench.specs, bundle_text().encode(), "bundle_spec.yaml")
    assert (known.source.commit, known.commit, known.source.file) == (commit, later, PATH)
    text = bundle_text("  - {channel: images, version: '1'}\n").encode()
    unknown = ask_for_file(bench.specs, text, "bundle_spec.yaml")
    assert (unknown.source.commit, unknown.commit) == (None, bench.specs.head())
    done = index_asked(bench.ports, unknown, QUIET)
    assert done.lock.spec.commit is None
    document = yaml.safe_load(bench.store.get(PATH).data)
    assert document["meta"]["spec_source"] == {
        "repo": "DataSpecHub", "commit": None, "file": PATH,
    }  # fmt: skip


def test_a_plan_writes_nothing(bench: Bench) -> None:
    bench.ask()
    asked = ask_for_file(bench.specs, bundle_text().encode(), PATH)
    plan = plan_bundle(bench.ports, asked)
    assert [str(one.version) for one in plan.resolution.resolved] == ["1.2.0"]
    assert not list(bench.store.list(""))
