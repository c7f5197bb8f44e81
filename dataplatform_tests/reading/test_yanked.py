"""A withdrawn release can be read by its number, with one warning that says who, why and where to.

Readers of what is current never pay for that, and follow a rollback with their next pointer read.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform.releases.publish import move_back
from dataplatform.releases.rollback import roll_back
from dataplatform.releases.yank import yank
from dataplatform_tests.reading.library import TABLE, FarSettings, Library, countries
from dataplatform_tests.reading.remote import Remote
from opendata._dataset import Dataset
from opendata.reading.marks import (
    find_mark,
    standing_yank,
    verify_mark,
    yank_marks,
    yank_warning,
)
from opendata.reading.resolve import read_release
from opendata.reading.trust import KeyRules, TrustRoot
from opendata.stores.port import Blob
from opendata.wire import keys
from opendata.wire.codec import replace as changed
from opendata.wire.errors import Corrupt, Denied, NotFound
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-55", "B2")

V1, V2 = parse_version("1.0.0"), parse_version("1.0.1")
CORRECTED = countries(91)
PINNED = "tests/rates@1.0.1"


@pytest.fixture
def rolled_back(library: Library) -> Library:
    """1.0.1 was published, found wrong and left for 1.0.0."""
    library.bench.release(CORRECTED)
    ports, dataset = library.bench.ports, library.bench.dataset
    roll_back(ports, dataset, V1, by="Ada", reason="June is there twice")
    return library


def warnings_of(reference: str, settings: FarSettings) -> list[str]:
    """What is warned of while a handle is read twice."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        handle = Dataset(reference, settings)
        handle.load(columns=["rate"])
        handle.load(columns=["rate"], format="arrow")
    return [str(one.message) for one in caught if issubclass(one.category, UserWarning)]


def test_who_pinned_it_is_warned_once_for_each_handle(
    rolled_back: Library, far: FarSettings
) -> None:
    [told] = warnings_of(PINNED, far)
    assert told.startswith("tests/rates@1.0.1 was withdrawn on 2026-01-31 by Ada: June is there")
    assert "readers were sent to 1.0.0" in told
    with pytest.warns(UserWarning, match="withdrawn"):
        assert Dataset(PINNED, far).load(format="arrow").equals(CORRECTED)


def test_python_names_the_line_that_pinned_it(rolled_back: Library, far: FarSettings) -> None:
    with pytest.warns(UserWarning, match="withdrawn") as caught:
        Dataset(PINNED, far).load()
    assert caught[0].filename == __file__


def test_readers_of_the_latest_follow_and_are_not_warned(
    rolled_back: Library, far: FarSettings, remote: Remote
) -> None:
    assert warnings_of("tests/rates", far) == []
    assert Dataset("tests/rates", far).load(format="arrow").equals(TABLE)
    assert [key for key in remote.requests if "/marks/" in key] == []


def test_a_sound_pin_costs_one_more_request(
    rolled_back: Library, far: FarSettings, remote: Remote
) -> None:
    assert warnings_of("tests/rates@1.0.0", far) == []
    asked = [key for key in remote.requests if key.startswith(keys.DATASETS)]
    mark = keys.mark_key(rolled_back.bench.dataset, V1, "yank")
    assert asked == [keys.release_key(rolled_back.bench.dataset, V1), mark]


def test_what_was_taken_back_is_not_warned_of(rolled_back: Library, far: FarSettings) -> None:
    ports, dataset = rolled_back.bench.ports, rolled_back.bench.dataset
    yank(ports, dataset, V2, by="Ada", lift=True)
    assert warnings_of(PINNED, far) == []


def test_what_readers_get_again_is_not_warned_of_even_if_nobody_came_to_say_so(
    rolled_back: Library, far: FarSettings
) -> None:
    move_back(rolled_back.bench.ports, rolled_back.bench.dataset, V2)  # and killed right after
    assert warnings_of(PINNED, far) == []


def test_without_a_network_nobody_waits_for_a_mark(
    rolled_back: Library, far: FarSettings, remote: Remote
) -> None:
    assert len(warnings_of(PINNED, far)) == 1
    with pytest.warns(UserWarning, match="withdrawn"):
        assert Dataset(PINNED, far).info["freeze"]["yanked"]["by"] == "Ada"
    remote.is_cut = True
    handle = Dataset(PINNED, far)
    assert handle.load(format="arrow").equals(CORRECTED)
    assert handle.stats.offline
    assert handle.info["freeze"]["mode"] == "soft"  # as it was frozen; marks are out of reach


def test_a_store_that_denies_what_is_not_there_is_read_all_the_same(
    rolled_back: Library, tmp_path: Path
) -> None:
    class Guarded(Remote):
        """A public bucket whose keys cannot be listed: 403 instead of 404."""

        def get(self, key: str, *, max_bytes: int | None = None) -> Blob:
            try:
                return super().get(key, max_bytes=max_bytes)
            except NotFound as error:
                raise Denied(error.message) from error

    far = FarSettings(Guarded(rolled_back.bench.store), tmp_path / "cache")
    assert warnings_of("tests/rates@1.0.0", far) == []
    assert Dataset("tests/rates@1.0.0", far).info["freeze"]["mode"] == "soft"


def test_a_damaged_mark_keeps_nobody_from_reading(rolled_back: Library, far: FarSettings) -> None:
    key = keys.mark_key(rolled_back.bench.dataset, V2, "yank")
    rolled_back.bench.store.put(key, b"{}")
    [told] = warnings_of(PINNED, far)
    assert "whether tests/rates@1.0.1 was withdrawn cannot be told" in told


def test_a_mark_of_another_release_is_none_of_this_one(rolled_back: Library) -> None:
    store, dataset = rolled_back.bench.store, rolled_back.bench.dataset
    store.put(
        keys.mark_key(dataset, V1, "yank"), store.get(keys.mark_key(dataset, V2, "yank")).data
    )
    with pytest.raises(Corrupt, match=r"is the mark yank of tests/rates@1\.0\.1"):
        find_mark(store, dataset, V1, "yank")


@pytest.mark.requirement("S4-48")
def test_a_mark_is_signed_with_the_publisher_s_key(library: Library, tmp_path: Path) -> None:
    signer, other = create_key(tmp_path / "key.pem"), create_key(tmp_path / "other.pem")
    bench = replace(library.bench, ports=replace(library.bench.ports, signer=signer))
    bench.release(CORRECTED)
    yank(bench.ports, bench.dataset, V1, by="Ada", reason="wrong")
    mark = find_mark(bench.store, bench.dataset, V1, "yank")
    assert mark is not None and mark.signed_by == signer.key_id
    verify_mark(mark, signer.trust())
    verify_mark(changed(mark, signature=None), None)  # without a trust root digests are enough
    wrong = [
        (mark, other.trust()),
        (changed(mark, reason="right after all"), signer.trust()),
        (changed(mark, release="1.0.1"), signer.trust()),
        (changed(mark, manifest_sha256="0" * 64), signer.trust()),
        (changed(mark, signature=None), signer.trust()),
        (mark, TrustRoot(signer.trust().keys, {signer.key_id: KeyRules(datasets=("other/*",))})),
        (changed(mark, signed_by=other.key_id), signer.trust()),
    ]
    for said, trust in wrong:
        with pytest.raises(Denied):
            verify_mark(said, trust)


def test_a_withdrawal_that_nobody_signed_is_told_as_that(
    library: Library, far: FarSettings
) -> None:
    library.bench.release(CORRECTED)
    ports, dataset = library.bench.ports, library.bench.dataset
    roll_back(ports, dataset, V1, by="Mallory")
    mark = standing_yank(yank_marks(library.bench.store, dataset, V2))
    assert mark is not None
    release = read_release(library.bench.store, dataset, V2)
    assert "is not signed" in yank_warning(release, mark, TrustRoot({}))
