"""The release protocol as tests: one suite for every store that releases can live in.

A test module subclasses `ReleaseProtocol` and provides the fixture `store`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplatform.releases.freeze import Frozen, Unchanged, freeze_candidate
from dataplatform.releases.publish import move_back, publish_release
from dataplatform.releases.repair import inspect
from dataplatform_tests.fakes.stores import FaultyStore, Pause
from dataplatform_tests.releases.building import RUN, Bench, make_bench, rates
from dataplatform_tests.releases.waiting import in_background
from opendata.reading.history import walk_history
from opendata.reading.resolve import read_current, read_release, resolve
from opendata.reading.verify import verify_dataset
from opendata.stores import ObjectStore, PreconditionFailed
from opendata.wire import keys
from opendata.wire.digest import digest_of
from opendata.wire.errors import Conflict, Corrupt, NotFound, Rejected
from opendata.wire.ids import Reference
from opendata.wire.version import parse_version

V1, V2, V3 = (parse_version(text) for text in ("1.0.0", "1.0.1", "1.0.2"))


class ReleaseProtocol:
    """Freeze, publish, roll back: what holds on every store."""

    @pytest.fixture
    def bench(self, store: ObjectStore, tmp_path: Path) -> Bench:
        return make_bench(
            store,
            tmp_path,
            time="day",
            release={"shard": "month"},
            contract={"primary_key": ["day"]},
        )

    # --- the usual way -----------------------------------------------------------

    @pytest.mark.requirement("S4-3", "S4-7", "S4-49", "S4-65", "S4-66", "S4-67", "B1", "B3")
    def test_the_first_release_is_1_0_0(self, bench: Bench) -> None:
        published = bench.release(rates(1, 2, 3))
        assert (published.pointer.generation, published.pointer.release) == (1, "1.0.0")
        assert published.pointer.parent_commit_id is None
        versioning = bench.current.manifest.versioning
        assert (versioning.schema_version, versioning.data_release) == ("1.0.0", "1.0.0")
        assert versioning.prev_release is None
        assert bench.read().equals(rates(1, 2, 3))

    @pytest.mark.requirement("S4-8", "S4-16", "B1", "B2")
    def test_the_next_release_leaves_the_first_as_it_was(self, bench: Bench) -> None:
        first = bench.release(rates(1, 2, 3)).release
        second = bench.release(rates(1, 2, 4)).release
        assert second.version == V2
        assert second.manifest.versioning.prev_release == "1.0.0"
        assert second.manifest.versioning.schema_version == "1.0.0"
        assert read_release(bench.store, bench.dataset, V1) == first
        assert bench.read(first).equals(rates(1, 2, 3))
        assert bench.read().equals(rates(1, 2, 4))
        history = list(walk_history(bench.store, bench.dataset))
        assert [commit.generation for commit in history] == [2, 1]
        assert history[0].parent_commit_id == history[1].commit_id
        assert verify_dataset(bench.store, Reference(bench.dataset), None).passed

    @pytest.mark.requirement("S1-59", "S1-27", "S4-9")
    def test_an_unchanged_shard_is_the_same_object(self, bench: Bench) -> None:
        january, february = [float(day) for day in range(31)], [0.5] * 28
        old = bench.release(rates(*january)).release.manifest.files
        new = bench.release(rates(*january, *february)).release.manifest.files
        assert [entry.name for entry in new] == ["2026-01", "2026-02"]
        assert new[0] == old[0]

    @pytest.mark.requirement("S4-16")
    def test_without_a_change_there_is_no_release(self, bench: Bench) -> None:
        bench.release(rates(1, 2))
        digest = bench.stage(rates(1, 2), code="2")
        result = freeze_candidate(bench.ports, bench.dataset, digest, RUN)
        assert isinstance(result, Unchanged)
        assert result.current.version == V1
        forced = freeze_candidate(bench.ports, bench.dataset, digest, RUN, force=True)
        assert not isinstance(forced, Unchanged)
        assert forced.release.version == V2
        assert publish_release(bench.ports, bench.dataset, V2).pointer.generation == 2

    def test_a_change_of_the_description_alone_is_a_release(self, bench: Bench) -> None:
        bench.release(rates(1))
        renamed = bench.declared(**bench_sections(bench) | {"title": "Daily rates"})
        frozen = renamed.freeze(renamed.stage(rates(1)))
        assert frozen.change.about == ("title",)
        assert frozen.release.version == V2

    # --- freezing ----------------------------------------------------------------

    @pytest.mark.requirement("S4-8", "S4-10", "S4-78", "S4-88")
    def test_freezing_again_resumes_what_is_frozen(self, bench: Bench) -> None:
        digest = bench.stage(rates(1))
        first = bench.freeze(digest)
        again = bench.freeze(digest)
        assert (first.resumed, again.resumed) == (False, True)
        assert again.release.stored_bytes == first.release.stored_bytes
        assert read_current(bench.store, bench.dataset) is None  # freezing publishes nothing
        published = publish_release(bench.ports, bench.dataset, V1)
        assert published.release.stored_sha256 == first.release.stored_sha256

    @pytest.mark.requirement("S4-8")
    def test_a_number_that_was_frozen_stays_taken(self, bench: Bench) -> None:
        bench.freeze(bench.stage(rates(1)))
        other = bench.freeze(bench.stage(rates(2)))
        assert other.release.version == V2
        assert bench.freeze(bench.stage(rates(1))).release.version == V1
        publish_release(bench.ports, bench.dataset, V2)
        leftovers = [one for one in inspect(bench.ports, bench.dataset) if not one.repairable]
        assert [one.object for one in leftovers] == [keys.release_key(bench.dataset, V1)]
        assert "never published" in leftovers[0].problem

    def test_many_failed_publishes_do_not_block_a_data_set(self, bench: Bench) -> None:
        for value in range(25):
            bench.freeze(bench.stage(rates(value)))
        assert bench.publish(rates(100)).pointer.release == "1.0.25"

    def test_a_damaged_leftover_keeps_its_number_and_blocks_nothing(self, bench: Bench) -> None:
        bench.freeze(bench.stage(rates(1)))
        bench.store.put(keys.release_key(bench.dataset, V1), b"{}")
        assert bench.publish(rates(1)).pointer.release == "1.0.1"

    # --- publishing --------------------------------------------------------------

    @pytest.mark.requirement("S4-10", "B46", "M-10")
    def test_what_is_not_frozen_is_not_published(self, bench: Bench) -> None:
        bench.stage(rates(1))
        with pytest.raises(Rejected) as refused:
            publish_release(bench.ports, bench.dataset, V1)
        assert refused.value.code == "not_frozen"
        assert read_current(bench.store, bench.dataset) is None

    @pytest.mark.requirement("B1")
    def test_publishing_again_changes_nothing(self, bench: Bench) -> None:
        first = bench.publish(rates(1))
        again = publish_release(bench.ports, bench.dataset, V1)
        assert first.moved and not again.moved
        assert again.pointer == first.pointer

    @pytest.mark.requirement("B1")
    def test_a_release_that_follows_another_one_is_refused_and_the_winner_named(
        self, bench: Bench
    ) -> None:
        bench.publish(rates(1))
        mine, theirs = (bench.freeze(bench.stage(rates(value))).release for value in (2, 3))
        winner = publish_release(bench.ports, bench.dataset, theirs.version).pointer
        with pytest.raises(Conflict) as refused:
            publish_release(bench.ports, bench.dataset, mine.version)
        assert refused.value.details["winner"] == winner.to_json()
        assert winner.commit_id in refused.value.message
        assert bench.read().equals(rates(3))

    @pytest.mark.requirement("B1")
    def test_of_two_first_releases_one_is_refused(self, bench: Bench) -> None:
        mine, theirs = (bench.freeze(bench.stage(rates(value))).release for value in (1, 2))
        publish_release(bench.ports, bench.dataset, theirs.version)
        with pytest.raises(Conflict):
            publish_release(bench.ports, bench.dataset, mine.version)
        assert bench.read().equals(rates(2))

    @pytest.mark.requirement("S4-8")
    def test_a_release_that_lost_an_object_is_not_published(self, bench: Bench) -> None:
        release = bench.freeze(bench.stage(rates(1))).release
        entry, manifest = release.manifest.files[0], release.manifest
        stands_on = [entry.path, entry.chunks, manifest.readme, manifest.preview]
        stands_on += [value for value in manifest.reports.values() if isinstance(value, str)]
        for key in stands_on:
            assert key is not None
            kept = bench.store.get(key).data
            bench.store.delete(key)
            with pytest.raises(Corrupt) as refused:
                publish_release(bench.ports, bench.dataset, V1)
            assert refused.value.details["object"] == key
            bench.store.put(key, kept)
        bench.store.put(entry.path, b"cut short")
        with pytest.raises(Corrupt, match="another size"):
            publish_release(bench.ports, bench.dataset, V1)
        assert read_current(bench.store, bench.dataset) is None

    def test_an_object_that_was_cut_short_is_written_anew_by_the_next_build(
        self, bench: Bench
    ) -> None:
        entry = bench.freeze(bench.stage(rates(1))).release.manifest.files[0]
        whole = bench.store.get(entry.path).data
        bench.store.put(entry.path, whole[:-1])
        bench.stage(rates(1))
        assert bench.store.get(entry.path).data == whole

    @pytest.mark.requirement("S4-8", "S4-72")
    def test_an_altered_manifest_is_not_published(self, bench: Bench) -> None:
        bench.freeze(bench.stage(rates(1)))
        key = keys.release_key(bench.dataset, V1)
        frozen = bench.store.get(key).data
        bench.store.put(key, frozen.replace(b'"row_count":1', b'"row_count":2'))
        with pytest.raises(Corrupt, match="altered"):
            publish_release(bench.ports, bench.dataset, V1)
        bench.store.put(keys.release_key(bench.dataset, V2), frozen)
        with pytest.raises(Corrupt, match="is the manifest of"):
            publish_release(bench.ports, bench.dataset, V2)

    @pytest.mark.requirement("B1", "S4-8")
    @pytest.mark.parametrize("releases", [1, 2])
    def test_a_lost_pointer_does_not_begin_a_new_history(self, bench: Bench, releases: int) -> None:
        for value in range(releases):
            bench.release(rates(value))
        key = keys.pointer_key(bench.dataset)
        kept = bench.store.get(key).data
        bench.store.delete(key)
        frozen = bench.freeze(bench.stage(rates(9))).release
        with pytest.raises(Corrupt, match="is gone, although"):
            publish_release(bench.ports, bench.dataset, frozen.version)
        found = inspect(bench.ports, bench.dataset)
        assert [(one.object, one.repairable) for one in found] == [(key, False)]
        bench.store.put(key, kept)
        assert bench.publish(rates(9)).pointer.generation == releases + 1

    def test_two_that_freeze_the_same_candidate_freeze_it_once(self, bench: Bench) -> None:
        pause = Pause("put_new", key="*/releases/*")
        slow = bench.on(FaultyStore(bench.store, [pause]))
        digest = bench.stage(rates(1))
        with in_background(lambda: slow.freeze(digest)) as outcome:
            pause.await_call()
            first = bench.freeze(digest).release
            pause.release()
        assert outcome.value.resumed
        assert outcome.value.release == first

    # --- rolling back ------------------------------------------------------------

    @pytest.mark.requirement("S4-55", "B1", "B2")
    def test_a_rollback_is_a_new_generation_that_names_an_old_release(self, bench: Bench) -> None:
        first = bench.release(rates(1)).pointer
        bench.release(rates(2))
        back = move_back(bench.ports, bench.dataset, V1).pointer
        assert (back.generation, back.kind, back.release) == (3, "rollback", "1.0.0")
        assert back.manifest_sha256 == first.manifest_sha256
        assert back.to_bytes() != first.to_bytes()
        assert bench.read().equals(rates(1))
        assert not move_back(bench.ports, bench.dataset, V1).moved
        assert move_back(bench.ports, bench.dataset, V2).pointer.generation == 4
        assert bench.read().equals(rates(2))

    @pytest.mark.requirement("S4-55")
    def test_there_is_no_way_back_to_what_was_never_published(self, bench: Bench) -> None:
        bench.publish(rates(1))
        bench.freeze(bench.stage(rates(2)))
        for version in (V2, V3):
            with pytest.raises(Rejected):
                move_back(bench.ports, bench.dataset, version)
        assert bench.current.version == V1

    def test_there_is_no_way_back_before_the_first_release(self, bench: Bench) -> None:
        bench.freeze(bench.stage(rates(1)))
        with pytest.raises(NotFound, match="never published"):
            move_back(bench.ports, bench.dataset, V1)

    @pytest.mark.requirement("S4-54", "S4-55")
    def test_what_was_rolled_back_returns_only_when_it_is_forced(self, bench: Bench) -> None:
        bench.publish(rates(1))
        bench.publish(rates(2))
        move_back(bench.ports, bench.dataset, V1)
        digest = bench.stage(rates(2))
        with pytest.raises(Rejected, match=r"@1\.0\.1, which was rolled back to 1\.0\.0"):
            freeze_candidate(bench.ports, bench.dataset, digest, RUN)
        forced = freeze_candidate(bench.ports, bench.dataset, digest, RUN, force=True)
        assert isinstance(forced, Frozen)
        again = publish_release(bench.ports, bench.dataset, forced.release.version)
        assert (again.pointer.release, again.pointer.generation) == ("1.0.2", 4)
        assert again.release.manifest.versioning.prev_release == "1.0.0"

    @pytest.mark.requirement("S4-54", "S4-55")
    def test_after_a_rollback_other_data_is_released_as_ever(self, bench: Bench) -> None:
        bench.publish(rates(1))
        bench.publish(rates(2))
        move_back(bench.ports, bench.dataset, V1)
        assert bench.publish(rates(3)).pointer.release == "1.0.2"

    @pytest.mark.requirement("S4-55", "B1")
    def test_nobody_is_sent_back_to_damaged_bytes(self, bench: Bench) -> None:
        first = bench.release(rates(1))
        second = bench.release(rates(2)).pointer
        entry = first.release.manifest.files[0]
        bench.store.put(entry.path, b"x" * entry.size_bytes)
        with pytest.raises(Corrupt, match=entry.path) as refused:
            move_back(bench.ports, bench.dataset, V1)
        assert "nothing has moved" in refused.value.message
        assert bench.current.pointer == second

    # --- damage and its cure -------------------------------------------------------

    @pytest.mark.requirement("B1", "B14")
    def test_building_the_same_rows_again_mends_a_damaged_object(self, bench: Bench) -> None:
        release = bench.release(rates(1)).release
        entry = release.manifest.files[0]
        whole = bench.store.get(entry.path).data
        in_a_folder = bench.store.local_path(entry.path) is not None
        bench.store.put(entry.path, b"x" * (entry.size_bytes if in_a_folder else 10))
        bench.stage(rates(1))
        assert bench.store.get(entry.path).data == whole

    @pytest.mark.requirement("S4-55")
    def test_asking_again_for_a_publish_does_not_undo_a_rollback(self, bench: Bench) -> None:
        bench.publish(rates(1))
        second = bench.publish(rates(2)).pointer
        move_back(bench.ports, bench.dataset, V1)
        again = publish_release(bench.ports, bench.dataset, V2)
        assert not again.moved
        assert again.pointer == second
        assert bench.current.version == V1

    @pytest.mark.requirement("B1")
    def test_asking_again_after_others_built_on_it_is_no_failure(self, bench: Bench) -> None:
        first = bench.publish(rates(1)).pointer
        bench.publish(rates(2))
        again = publish_release(bench.ports, bench.dataset, V1)
        assert (again.moved, again.pointer) == (False, first)
        assert bench.current.version == V2

    @pytest.mark.requirement("B1", "S4-55")
    def test_a_stale_condition_fails_after_a_rollback_to_the_same_release(
        self, bench: Bench
    ) -> None:
        bench.publish(rates(1))
        key = keys.pointer_key(bench.dataset)
        stale = bench.store.get(key)
        bench.publish(rates(2))
        move_back(bench.ports, bench.dataset, V1)
        with pytest.raises(PreconditionFailed):
            bench.store.put_if_match(key, b"a stale writer's pointer", stale.token)
        assert bench.current.version == V1

    @pytest.mark.requirement("B1", "S4-55")
    def test_a_writer_that_slept_through_publish_and_rollback_does_not_win(
        self, bench: Bench
    ) -> None:
        bench.publish(rates(1))
        pause = Pause("put_if_match", key="*/latest.json")
        sleeper = bench.on(FaultyStore(bench.store, [pause]))
        mine = sleeper.freeze(sleeper.stage(rates(9))).release
        with in_background(
            lambda: publish_release(sleeper.ports, bench.dataset, mine.version)
        ) as outcome:
            pause.await_call()
            bench.publish(rates(2))
            move_back(bench.ports, bench.dataset, V1)
            pause.release()
        winner = list(walk_history(bench.store, bench.dataset))[1]
        assert isinstance(outcome.error, Conflict)
        assert outcome.error.details["winner"] == winner.to_json()
        assert bench.read().equals(rates(1))

    # --- reading -----------------------------------------------------------------

    @pytest.mark.requirement("S1-3", "B1")
    def test_a_pinned_release_needs_no_pointer(self, bench: Bench) -> None:
        bench.release(rates(1))
        bench.store.put(keys.pointer_key(bench.dataset), b"damaged")
        with pytest.raises(Corrupt, match=r"latest\.json"):
            resolve(bench.store, Reference(bench.dataset))
        release = resolve(bench.store, Reference(bench.dataset, V1))
        assert bench.read(release).equals(rates(1))

    @pytest.mark.requirement("S4-8", "S4-41")
    def test_every_object_is_named_by_its_own_digest(self, bench: Bench) -> None:
        bench.release(rates(1, 2))
        objects = list(bench.store.list(keys.OBJECTS))
        assert objects
        for stat in objects:
            data = bench.store.get(stat.key).data
            assert keys.digest_of_object_key(stat.key) == digest_of(data)


def bench_sections(bench: Bench) -> dict[str, object]:
    """The sections of a bench's definition, to declare it again with a change."""
    document = bench.definition.model_dump(mode="json", exclude_none=True)
    required = {"id", "title", "description", "license", "repo", "source"}
    return {name: value for name, value in document.items() if name not in required}
