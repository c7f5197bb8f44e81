"""Files into a folder: verified, resumed, never half; and what is wrong is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dataplatform_tests.index_client.pictures import (
    IMAGES,
    NAME,
    OBJECTS,
    VERSION,
    Lake,
    content_of,
    fill,
)
from dataplatform_tests.reading.file_index.lake import Row, locked, put_bundle, put_channel
from opendata import DataIndexClient
from opendata._index_client import fetching
from opendata.stores import FolderStore
from opendata.wire.digest import digest_of, prefixed
from opendata.wire.errors import Corrupt, InvalidInput, NotFound


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_lie_below_their_paths(client: DataIndexClient, lake: Lake, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    files = client.list_files(NAME, VERSION, OBJECTS)
    done = client.download(files, tmp_path / "out", progress=lambda *at: told.append(at))
    assert (done.fetched, done.kept, done.failed) == (60, 0, ())
    assert contents(tmp_path / "out") == {
        row.relative_path: lake.bytes_of(row) for row in lake.objects
    }
    assert told[-1] == (60, 60)
    assert all(path.stat().st_mode & 0o200 for path in done.paths), "they are the user's own"


def test_a_link_in_the_folder_leads_no_file_out_of_it(
    client: DataIndexClient, tmp_path: Path
) -> None:
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    files = client.list_files(NAME, VERSION, OBJECTS, limit=3)
    top = files[0].relative_path.split("/")[0]
    for name in (top, fetching.PARTIAL):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / name).symlink_to(elsewhere)
        done = client.download(files, folder)
        assert [one.error.code for one in done.failed] == ["link_out_of_folder"] * 3
        assert not list(elsewhere.iterdir())
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "real").mkdir()
    (folder / top).symlink_to(folder / "real")
    assert client.download(files, folder).fetched == 3, "inside of it a link is no harm"
    (tmp_path / "alias").symlink_to(folder)
    assert client.download(files, tmp_path / "alias").kept == 3


def test_a_second_time_only_what_is_missing_or_wrong_is_fetched(
    client: DataIndexClient, tmp_path: Path
) -> None:
    files = client.list_files(NAME, VERSION, OBJECTS, limit=10)
    first = client.download(files, tmp_path)
    first.paths[2].unlink()
    first.paths[5].write_bytes(b"x" * files[5].size_bytes)
    again = client.download(files, tmp_path)
    assert (again.fetched, again.kept) == (2, 8)
    assert first.paths[5].read_bytes() == content_of(files[5].file_id)


def test_files_of_several_channels_lie_apart(client: DataIndexClient, tmp_path: Path) -> None:
    files = [file for batch in client.stream_data(NAME, VERSION, 20) for file in batch[:2]]
    client.download(files, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {IMAGES, OBJECTS}


def test_a_damaged_file_stops_no_other_and_appears_nowhere(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake", images=8, objects=3)
    broken = lake.data / IMAGES / lake.images[3].relative_path
    broken.write_bytes(b"?" * lake.images[3].size_bytes)
    (lake.data / IMAGES / lake.images[6].relative_path).unlink()
    client = DataIndexClient(lake.store.url)
    done = client.download(client.list_files(NAME, VERSION, IMAGES), tmp_path / "out")
    assert [type(one.error) for one in done.failed] == [Corrupt, NotFound]
    assert [one.file.file_id for one in done.failed] == ["img_000003", "img_000006"]
    assert len(done.paths) == done.fetched == 11
    assert not (tmp_path / "out" / lake.images[3].relative_path).exists()


def test_an_interrupted_download_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = fill(tmp_path / "lake", images=1, objects=1)
    data = bytes(range(256)) * 40_000
    row = Row("big", "big.bin", None, len(data), prefixed(digest_of(data)))
    (lake.data / "big").mkdir()
    (lake.data / "big" / "big.bin").write_bytes(data)
    index = put_channel(lake.store, "big", [row], storage_path=f"{lake.data}/big/")
    put_bundle(lake.store, [locked(index)], name="big")
    client = DataIndexClient(lake.store.url)
    files = client.list_files("big")

    partial = tmp_path / "out" / fetching.PARTIAL
    name = digest_of(str(tmp_path / "out" / "big.bin").encode())[:32]
    (partial / name).mkdir(parents=True)
    (partial / name / f"{digest_of(data)}.part").write_bytes(data[:9_000_000])
    asked: list[tuple[int, int]] = []
    plain = FolderStore.get_ranges
    monkeypatch.setattr(
        FolderStore,
        "get_ranges",
        lambda self, key, ranges: (asked.extend(ranges), plain(self, key, ranges))[1],
    )
    client.download(files, tmp_path / "out")
    assert (tmp_path / "out" / "big.bin").read_bytes() == data
    assert min(offset for offset, _ in asked) == 9_000_000
    assert not partial.exists()


def test_a_path_that_leads_out_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    rows = [Row("a", "a.jpg", None), Row("b", "../../b.jpg", None)]
    put_bundle(store, [locked(put_channel(store, "images", rows))], name="hostile")
    client = DataIndexClient(store.url)
    with pytest.raises(Corrupt, match=r"\.\./\.\./b\.jpg"):
        client.list_files("hostile")


def test_two_files_that_are_one_on_some_disks_are_refused(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    rows = [Row("a", "a/Photo.jpg", None), Row("b", "a/photo.JPG", None)]
    put_bundle(store, [locked(put_channel(store, "images", rows))], name="twins")
    client = DataIndexClient(store.url)
    with pytest.raises(InvalidInput, match="cannot lie beside each other"):
        client.download(client.list_files("twins"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_is_opened_verified(
    client: DataIndexClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = client.list_files(NAME, VERSION, IMAGES, limit=4)[3]
    with client.open(file) as stream:
        assert stream.read() == content_of(file.file_id)
    monkeypatch.setattr(fetching, "IN_MEMORY_BYTES", 0)
    with client.open(file) as stream:
        assert stream.read() == content_of(file.file_id)


def test_a_damaged_file_is_not_opened(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake", images=2, objects=1)
    target = lake.data / IMAGES / lake.images[1].relative_path
    target.write_bytes(target.read_bytes()[::-1])
    client = DataIndexClient(lake.store.url)
    with pytest.raises(Corrupt):
        client.open(client.list_files(NAME, VERSION, IMAGES)[1])


def test_a_place_that_is_gone_is_told(tmp_path: Path) -> None:
    lake = fill(tmp_path / "lake", images=2, objects=1)
    shutil.rmtree(lake.data / IMAGES)
    client = DataIndexClient(lake.store.url)
    done = client.download(client.list_files(NAME, VERSION, IMAGES), tmp_path / "out")
    assert len(done.failed) == 7
    assert {type(one.error) for one in done.failed} == {NotFound}
