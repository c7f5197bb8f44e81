"""The client as its document types it, on a store without a server."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform_tests.index_client.pictures import IMAGES, NAME, OBJECTS, VERSION, Lake
from dataplatform_tests.reading.file_index.lake import locked, put_bundle, put_channel
from opendata import DataIndexClient
from opendata.wire.errors import Conflict, Denied, InvalidInput, NotFound


@pytest.mark.requirement("S0-60", "S0-61", "S0-62", "S0-63", "S0-64", "S0-65", "S0-86")
def test_the_documents_own_example(lake: Lake, client: DataIndexClient) -> None:
    from dataindex_client import DataIndexClient as Documented

    assert Documented is DataIndexClient
    dataset = client.get_dataset(bundle_name=NAME, bundle_version=VERSION)
    assert dataset.total_files == 315

    files = client.list_files(
        bundle_name=NAME,
        bundle_version=VERSION,
        channel=IMAGES,
        start_time="2025-06-01T00:00:00Z",
        end_time="2025-06-01T00:59:00Z",
    )
    assert len(files) == 60

    seen = []
    for batch in client.stream_data(bundle_name=NAME, bundle_version=VERSION, batch_size=100):
        seen += [(batch.channel, file.file_id) for file in batch]
    assert seen == [(IMAGES, row.file_id) for row in lake.images] + [
        (OBJECTS, row.file_id) for row in lake.objects
    ]


def test_a_file_reads_as_a_dictionary_and_by_its_attributes(client: DataIndexClient) -> None:
    files = client.list_files(NAME, VERSION, IMAGES)
    first = files[0]
    assert first["file_id"] == first.file_id == "img_000000"
    assert first.timestamp == datetime(2025, 6, 1, tzinfo=UTC)
    assert first.metadata == {"camera_id": "front", "frame": 0, "lens": {"wide": True}}
    assert first.channel == IMAGES
    assert dict(first)["size_bytes"] == first.size_bytes
    assert set(first) == {
        "file_id", "relative_path", "timestamp", "size_bytes", "checksum", "metadata"
    }  # fmt: skip
    assert files[-1].timestamp is None
    with pytest.raises(AttributeError, match="it has file_id"):
        _ = first.nothing
    with pytest.raises(IndexError):
        files[len(files)]


def test_a_list_is_a_sequence_over_arrow(client: DataIndexClient) -> None:
    files = client.list_files(NAME, VERSION, IMAGES)
    assert [file.file_id for file in files[10:14]] == [f"img_{at:06}" for at in range(10, 14)]
    assert [file.file_id for file in files[20:10:-5]] == ["img_000020", "img_000015"]
    assert len(files[300:]) == 0
    assert files.to_arrow().num_rows == len(files) == 255
    assert files.to_dicts()[3]["relative_path"] == "2025/06/01/00/img_000003.jpg"
    assert list(files.to_pandas()["file_id"])[:2] == ["img_000000", "img_000001"]
    assert files.to_polars().height == 255
    assert "255 files of image_original" in repr(files)


def test_files_can_be_handed_to_other_processes(client: DataIndexClient) -> None:
    files = client.list_files(NAME, VERSION, IMAGES, limit=3)
    again = pickle.loads(pickle.dumps(list(files)))
    assert again == list(files)
    assert again[2].origin == files.origin
    assert pickle.loads(pickle.dumps(files)).to_dicts() == files.to_dicts()


def test_a_limit_ends_with_a_cursor_that_goes_on(client: DataIndexClient) -> None:
    first = client.list_files(NAME, VERSION, IMAGES, limit=100)
    second = client.list_files(NAME, VERSION, IMAGES, cursor=first.cursor)
    assert (len(first), len(second)) == (100, 155)
    assert second[0].file_id == "img_000100"
    assert second.cursor is None
    assert len(client.list_files(NAME, VERSION, IMAGES, limit=0)) == 0


def test_a_stream_goes_on_after_any_batch(client: DataIndexClient) -> None:
    whole = list(client.stream_data(NAME, VERSION, batch_size=40))
    for at, batch in enumerate(whole):
        rest = list(client.stream_data(NAME, VERSION, batch_size=40, cursor=batch.cursor))
        assert [one.to_dicts() for one in rest] == [one.to_dicts() for one in whole[at + 1 :]]


def test_batches_have_the_size_that_was_asked_for(client: DataIndexClient) -> None:
    told: list[tuple[int, int | None]] = []
    sizes = [
        len(batch)
        for batch in client.stream_data(
            NAME, VERSION, batch_size=60, channel=IMAGES, progress=lambda *at: told.append(at)
        )
    ]
    assert sizes == [60, 60, 60, 60, 15]
    assert told[-1] == (255, 255)


def test_metadata_is_asked_for_by_value(client: DataIndexClient) -> None:
    files = client.list_files(NAME, VERSION, OBJECTS, metadata={"camera_id": "front"})
    assert len(files) == 20
    assert {file.metadata["camera_id"] for file in files} == {"front"}
    streamed = client.stream_data(NAME, VERSION, 7, OBJECTS, metadata=["lens.wide=true"])
    assert sum(map(len, streamed)) == 30


def test_a_bundle_is_a_thing_to_ask(client: DataIndexClient, lake: Lake) -> None:
    bundle = client.get_dataset(NAME)
    assert (bundle.name, bundle.version, bundle.type, bundle.revision) == (
        NAME,
        VERSION,
        "weekly",
        1,
    )
    assert bundle.created_at == datetime(2025, 6, 20, 10, 30, tzinfo=UTC)
    assert list(bundle.channels) == [IMAGES, OBJECTS]
    assert bundle.total_bytes == lake.lock.total_bytes
    assert len(bundle.files(OBJECTS, end_time="2025-06-01T00:09Z")) == 10
    assert len(list(bundle.stream(OBJECTS, batch_size=30))) == 2
    assert bundle.to_dict()["spec"]["commit"] == "abc123456"
    assert "image_original 1.2.0: 255 files" in repr(bundle)
    assert [one.name for one in client.bundles()] == [NAME]


def test_cards_escape_what_others_wrote(lake: Lake, tmp_path: Path) -> None:
    from dataplatform_tests.reading.file_index.lake import Row
    from opendata.stores import FolderStore

    store = FolderStore(str(tmp_path / "store"))
    row = Row("a", "<script>alert(1)</script>.jpg", None)
    index = put_channel(store, "images", [row], storage_path="<b>place</b>")
    put_bundle(store, [locked(index, requested="<i>any</i>")], name="odd")
    client = DataIndexClient(store.url)
    for card in (client.get_dataset("odd")._repr_html_(), client.list_files("odd")._repr_html_()):
        assert "<script>" not in card
        assert "<b>" not in card


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"channel": "image_orignal"}, NotFound, "'image_original'"),
        ({}, InvalidInput, "which one?"),
        ({"channel": IMAGES, "start_time": "soon"}, InvalidInput, "no date or time"),
        ({"channel": IMAGES, "cursor": "nonsense"}, InvalidInput, "no cursor"),
        ({"channel": IMAGES, "limit": -1}, InvalidInput, "limit"),
        ({"channel": IMAGES, "metadata": ["front"]}, InvalidInput, "name=value"),
    ],
)
def test_what_cannot_be_answered_says_what_to_ask(
    client: DataIndexClient, asked: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        client.list_files(NAME, VERSION, **asked)  # type: ignore[arg-type]
    told = caught.value
    assert words in f"{told} {getattr(told, 'hint', '')}"


def test_a_question_that_is_wrong_fails_before_the_first_batch(client: DataIndexClient) -> None:
    with pytest.raises(InvalidInput):
        client.stream_data(NAME, VERSION, batch_size=0)
    with pytest.raises(NotFound):
        client.stream_data(NAME, VERSION, channel="nothing")


def test_name_and_version_may_stand_in_one_text(client: DataIndexClient) -> None:
    assert client.get_dataset(f"{NAME}@{VERSION}").version == VERSION
    assert client.get_dataset(f"{NAME}@{VERSION}", VERSION).version == VERSION
    with pytest.raises(InvalidInput, match="names a version"):
        client.get_dataset(f"{NAME}@v1.0.0-2025.24", VERSION)
    for wrong in ("", f"weekly/{NAME}", "../x"):
        with pytest.raises(InvalidInput, match="no bundle's name"):
            client.get_dataset(wrong)


def test_what_is_no_file_of_a_client_is_refused(client: DataIndexClient, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no file of a bundle"):
        client.open("2025/06/01/00/img_000000.jpg")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="no file of a bundle"):
        client.download([{"relative_path": "x"}], tmp_path)  # type: ignore[list-item]


def test_a_cursor_of_an_earlier_revision_is_refused(tmp_path: Path) -> None:
    from dataplatform_tests.reading.file_index.lake import pictures
    from opendata.stores import FolderStore

    store = FolderStore(str(tmp_path / "store"))
    put_bundle(store, [locked(put_channel(store, "images", pictures(20)))], name="corrected")
    client = DataIndexClient(store.url)
    page = client.list_files("corrected", limit=5)
    put_bundle(
        store, [locked(put_channel(store, "images", pictures(21)))], name="corrected", revision=2
    )
    with pytest.raises(Conflict):
        client.list_files("corrected", cursor=page.cursor)
    # A bundle in the hand stays what it was.
    assert len(client.list_files(page.bundle.lock.name, limit=50)) == 21
    earlier = client.get_dataset("corrected", revision=1)
    assert len(client.list_files(earlier, cursor=page.cursor)) == 15


def test_without_an_address_the_environment_names_the_store(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_STORAGE", lake.store.url)
    assert DataIndexClient().get_dataset(NAME).version == VERSION


@pytest.mark.requirement("S0-61")
def test_a_token_is_never_sent_in_the_clear() -> None:
    with pytest.raises(InvalidInput, match="not encrypted"):
        DataIndexClient("http://dataindex-api.company.com", token="secret")
    assert DataIndexClient("https://dataindex-api.company.com", token="secret").url


@pytest.mark.requirement("S0-62")
def test_who_trusts_one_key_reads_no_bundle_that_it_did_not_sign(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = tmp_path / "trust.json"
    trusted.write_text(create_key(tmp_path / "signing.pem").trust_file())
    monkeypatch.setenv("OPENDATA_TRUST", str(trusted))
    client = DataIndexClient(lake.store.url)
    for ask in (client.get_dataset, client.stream_data):
        with pytest.raises(Denied):
            ask(NAME)
    with pytest.raises(Denied):
        client.list_files(NAME, VERSION, IMAGES)


PROCESS = """
import sys
from opendata import DataIndexClient
client = DataIndexClient(sys.argv[1])
files = client.list_files("foundational_model", channel="image_original",
                          metadata={"camera_id": "front"}, end_time="2025-06-01T02:00Z")
assert files[1].metadata["frame"] == 3, files
assert sum(len(batch) for batch in client.stream_data("foundational_model")) == 315
for batch in client.iterate("foundational_model", channel="image_original", shuffle_seed=1):
    batch.to_dicts()
client.download(files[:2], sys.argv[2])
heavy = {"pandas", "polars", "duckdb", "pydantic", "yaml", "torch", "dagster"} & set(sys.modules)
assert not heavy, heavy
"""


def test_nothing_heavy_is_loaded_unless_it_is_asked_for(lake: Lake, tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROCESS, lake.store.url, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
