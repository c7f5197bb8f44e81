"""`od.load` from every kind of place, and one clear sentence for each place that is none."""

from __future__ import annotations

import uuid
from pathlib import Path

import pyarrow as pa
import pytest

import opendata as od
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.servers.ports import free_ports
from dataplatform_tests.servers.seaweed import SeaweedServer
from dataplatform_tests.servers.static_http import serving
from opendata.stores import FolderStore, open_store

pytestmark = pytest.mark.requirement("S1-11", "S1-88")
SECTIONS = {"time": "day"}


def large() -> pa.Table:
    """Enough rows that a part of them is worth a request of its own."""
    count = 300_000
    days = pa.array([at // 20 for at in range(count)], pa.int32()).cast(pa.date32())
    noise = [at * 2_654_435_761 % 2**32 / 7 for at in range(count)]
    numbers = pa.array(range(count), pa.int64())
    return pa.table({"day": days, "number": numbers, "noise": pa.array(noise)})


LARGE = large()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(FolderStore(str(tmp_path / "store")), tmp_path, **SECTIONS)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Lets a test set the environment; the working folder has no store above it."""
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def point_at(storage: pytest.MonkeyPatch, url: str, **environ: str) -> None:
    for name, value in {"OPENDATA_STORAGE": url, **environ}.items():
        storage.setenv(name, value)


def sentence(error: od.OpenDataError) -> str:
    """The error's text, checked to be one sentence for people."""
    text = error.message
    assert "\n" not in text
    assert len(text) < 300
    assert error.hint
    for noise in ("Traceback", "Error(", "<Code>", "Generic", "boto", "obstore", "reqwest"):
        assert noise not in text
    return text


# --- places --------------------------------------------------------------------------


@pytest.mark.platform
@pytest.mark.requirement("S1-59", "S1-58")
def test_a_public_address_is_read_in_parts(
    bench: Bench, storage: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench.release(LARGE)
    with serving(tmp_path / "store") as url:
        point_at(storage, url)
        handle = od.dataset("tests/rates")
        part = handle.load(columns=["number"], start="1990-01-01", format="arrow")
        assert part["number"].to_pylist() == list(range(7_305 * 20, 300_000))
        assert handle.stats.bytes_read < handle.stats.bytes_total / 2
        assert handle.stats.row_groups_skipped == 2
        assert od.load("tests/rates", format="arrow").equals(LARGE)
        assert od.verify("tests/rates").passed


@pytest.mark.real
@pytest.mark.requirement("S1-7", "S1-59")
def test_a_bucket_is_read_in_parts(
    seaweed: SeaweedServer, seaweed_bucket: str, storage: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"{seaweed_bucket}/{uuid.uuid4().hex}"
    make_bench(open_store(url, environ=seaweed.environ()), tmp_path, **SECTIONS).release(LARGE)
    reader = seaweed.environ(access_key=seaweed.ro_access_key, secret_key=seaweed.ro_secret_key)
    point_at(storage, url, **reader, OPENDATA_CACHE=str(tmp_path / "cache"))
    handle = od.dataset("tests/rates")
    assert handle.load(columns=["number"], end="1970-01-31", format="arrow").num_rows == 31 * 20
    assert handle.stats.bytes_read < handle.stats.bytes_total / 2
    assert od.load("tests/rates", format="arrow").equals(LARGE)
    assert od.verify("tests/rates").passed


def test_the_nearest_store_above_the_working_folder_is_found(
    storage: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_bench(FolderStore(str(tmp_path / ".opendata" / "store")), tmp_path).release(rates(1, 2))
    (tmp_path / "deep" / "down").mkdir(parents=True)
    storage.chdir(tmp_path / "deep" / "down")
    assert od.load("tests/rates", format="arrow").equals(rates(1, 2))


# --- no places -----------------------------------------------------------------------


def test_no_store_in_reach(storage: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(od.NotFound) as refused:
        od.load("tests/rates")
    text = sentence(refused.value)
    assert "no store is set" in text
    assert str(tmp_path) in text
    assert all(way in (refused.value.hint or "") for way in ("a folder", "s3://", "https://"))


def test_a_folder_that_does_not_exist(storage: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point_at(storage, str(tmp_path / "nowhere"))
    for ask in (od.load, od.verify, lambda name: od.dataset(name).info):
        with pytest.raises(od.NotFound) as refused:
            ask("tests/rates")
        assert sentence(refused.value).startswith(f"there is no store at {tmp_path}/nowhere")
        assert "OPENDATA_STORAGE" in (refused.value.hint or "")


def test_a_file(storage: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n")
    point_at(storage, str(tmp_path / "data.csv"))
    with pytest.raises(od.InvalidInput) as refused:
        od.load("tests/rates")
    assert sentence(refused.value) == f"{tmp_path}/data.csv is a file, but a store is a folder"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/data", "is no store's address"),
        ("https://user:secret@example.org", "holds a user name or password"),
        ("http://example.org/data", "is not encrypted"),
        ("s3://", "is no bucket's name"),
        ("s3://bucket", "no credentials for S3"),
    ],
)
def test_an_address_that_is_none(storage: pytest.MonkeyPatch, url: str, said: str) -> None:
    point_at(storage, url)
    with pytest.raises((od.InvalidInput, od.Denied)) as refused:
        od.load("tests/rates")
    assert said in sentence(refused.value)
    assert "secret" not in refused.value.message


@pytest.mark.platform
def test_a_server_that_does_not_answer(storage: pytest.MonkeyPatch) -> None:
    point_at(storage, f"http://127.0.0.1:{free_ports(1)[0]}/data")
    with pytest.raises(od.Unavailable) as refused:
        od.load("tests/rates")
    assert "out of order or out of reach" in sentence(refused.value)
    assert refused.value.retryable


@pytest.mark.platform
def test_a_web_server_without_a_store(storage: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        point_at(storage, url)
        with pytest.raises(od.NotFound) as refused:
            od.load("tests/rates")
        assert sentence(refused.value) == f"tests/rates is not published in {url}"


@pytest.mark.real
def test_a_bucket_without_rights(
    seaweed: SeaweedServer, seaweed_bucket: str, storage: pytest.MonkeyPatch
) -> None:
    nobody = seaweed.environ(
        access_key=seaweed.nobody_access_key, secret_key=seaweed.nobody_secret_key
    )
    point_at(storage, seaweed_bucket, **nobody)
    with pytest.raises(od.Denied) as refused:
        od.load("tests/rates")
    text = sentence(refused.value)
    assert seaweed_bucket in text
    assert "do not carry the right" in text
    assert seaweed.nobody_secret_key not in text


@pytest.mark.real
def test_a_bucket_with_the_wrong_secret(
    seaweed: SeaweedServer, seaweed_bucket: str, storage: pytest.MonkeyPatch
) -> None:
    point_at(storage, seaweed_bucket, **seaweed.environ(secret_key="guessed"))
    with pytest.raises(od.Denied) as refused:
        od.load("tests/rates")
    assert "does not accept the secret key" in sentence(refused.value)
    assert "guessed" not in refused.value.message


@pytest.mark.real
def test_a_bucket_that_does_not_exist(seaweed: SeaweedServer, storage: pytest.MonkeyPatch) -> None:
    point_at(storage, "s3://no-such-bucket", **seaweed.environ())
    with pytest.raises(od.NotFound) as refused:
        od.load("tests/rates")
    assert sentence(refused.value).startswith("there is no bucket 'no-such-bucket'")


@pytest.mark.real
def test_publishing_without_the_right_to_write(
    seaweed: SeaweedServer, seaweed_bucket: str, tmp_path: Path
) -> None:
    reader = seaweed.environ(access_key=seaweed.ro_access_key, secret_key=seaweed.ro_secret_key)
    store = open_store(f"{seaweed_bucket}/{uuid.uuid4().hex}", environ=reader)
    with pytest.raises(od.Denied) as refused:
        make_bench(store, tmp_path).release(rates(1))
    assert "do not carry the right" in sentence(refused.value)


# --- odd ids -------------------------------------------------------------------------


@pytest.mark.requirement("S1-29", "S1-53")
@pytest.mark.parametrize(
    "reference",
    ["../../etc/passwd", "tests/..", "Tests/Rates", "tests/rates'; drop table x", "tests/rаtes"],
)
def test_an_id_that_is_none_never_reaches_the_store(
    bench: Bench, storage: pytest.MonkeyPatch, tmp_path: Path, reference: str
) -> None:
    bench.release(rates(1))
    point_at(storage, str(tmp_path / "store"))
    with pytest.raises(od.InvalidInput, match=r"is not allowed|is no data set id"):
        od.load(reference)
