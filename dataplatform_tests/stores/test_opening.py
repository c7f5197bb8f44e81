"""Which store is meant, and what is said when the answer is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from opendata.stores import FolderStore, find_store, open_reader, open_store
from opendata.stores.patient_reader import PatientReader
from opendata.stores.patient_store import PatientStore
from opendata.wire.errors import Denied, InvalidInput, NotFound

KEYS = {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": "a-secret"}


# --- finding -------------------------------------------------------------------------


def test_the_variable_comes_first(tmp_path: Path) -> None:
    (tmp_path / ".opendata/store").mkdir(parents=True)
    found = find_store({"OPENDATA_STORAGE": "s3://bucket/prefix"}, str(tmp_path))
    assert found and (found.url, found.rule) == ("s3://bucket/prefix", "OPENDATA_STORAGE")


def test_without_it_the_nearest_store_upwards_is_meant(tmp_path: Path) -> None:
    outer, inner = tmp_path / ".opendata/store", tmp_path / "project/.opendata/store"
    for folder in (outer, inner, tmp_path / "project/deep/below", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    for cwd, expected in (
        (tmp_path / "project/deep/below", inner),
        (tmp_path / "project", inner),
        (tmp_path / "elsewhere", outer),
    ):
        found = find_store({"OPENDATA_STORAGE": " "}, str(cwd))
        assert found and found.url == str(expected)
        assert str(cwd) in found.rule


def test_nothing_in_reach_is_no_store(tmp_path: Path) -> None:
    (tmp_path / ".opendata").mkdir()
    (tmp_path / ".opendata/store").write_text("a file is no store")
    found = find_store({}, str(tmp_path))
    assert found is None or not found.url.startswith(str(tmp_path))


def test_a_relative_folder_belongs_to_the_working_folder(tmp_path: Path) -> None:
    found = find_store({"OPENDATA_STORAGE": "../data"}, str(tmp_path / "here"))
    assert found and found.url == str(tmp_path / "data")
    found = find_store({"OPENDATA_STORAGE": "~/data", "HOME": "/home/me"}, str(tmp_path))
    assert found and found.url == "/home/me/data"


# --- opening -------------------------------------------------------------------------


def test_folders_are_opened_by_path_and_by_file_address(tmp_path: Path) -> None:
    FolderStore(str(tmp_path)).put("k", b"1")
    for url in (str(tmp_path), f"file://{tmp_path}", f"file://localhost{tmp_path}"):
        assert open_store(url, environ={}).get("k").data == b"1"
        assert open_reader(url, environ={}).get("k").data == b"1"


def test_what_lies_behind_a_network_is_opened_with_patience(tmp_path: Path) -> None:
    assert isinstance(open_store("s3://some-bucket", environ=KEYS), PatientStore)
    assert isinstance(open_reader("https://data.example.org", environ={}), PatientReader)
    for at_hand in (str(tmp_path), "memory://at-hand"):
        assert not isinstance(open_store(at_hand, environ={}), PatientStore)


@pytest.mark.parametrize("url", ["ftp://host/x", "gs://bucket", "file://relative", ""])
def test_an_unknown_address_names_the_three_ways(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_store(url, environ={})
    for way in ("a folder", "s3://bucket/prefix", "https://"):
        assert way in (caught.value.hint or "")


def test_a_store_that_points_nowhere_says_so_when_read(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    found = find_store({"OPENDATA_STORAGE": nowhere}, str(tmp_path))
    assert found
    with pytest.raises(NotFound, match=f"there is no store at {nowhere}"):
        open_reader(found.url, environ={}).get("index.json")


def test_a_store_that_points_at_a_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InvalidInput, match="is a file, but a store is a folder"):
        open_reader(str(file), environ={"OPENDATA_STORAGE": str(file)})


# --- S3 without a server -------------------------------------------------------------


def test_s3_without_credentials_says_what_to_export(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="no credentials") as caught:
        open_store("s3://bucket", environ={"HOME": str(tmp_path)})
    assert "AWS_ACCESS_KEY_ID" in (caught.value.hint or "")


@pytest.mark.parametrize("only", list(KEYS))
def test_half_a_key_pair_is_named(only: str) -> None:
    (other,) = set(KEYS) - {only}
    with pytest.raises(InvalidInput, match=f"{other} is not set"):
        open_store("s3://bucket", environ={only: "half"})


def test_a_public_bucket_needs_no_credentials(tmp_path: Path) -> None:
    environ = {"AWS_SKIP_SIGNATURE": "true", "HOME": str(tmp_path)}
    assert open_store("s3://bucket/prefix/", environ=environ).url == "s3://bucket/prefix"


@pytest.mark.parametrize("profile", ["default", "another"])
def test_a_profile_of_the_shared_file_gives_credentials(tmp_path: Path, profile: str) -> None:
    from opendata.stores.s3 import find_credentials

    file = tmp_path / ".aws" / "credentials"
    file.parent.mkdir()
    file.write_text(f"[{profile}]\naws_access_key_id = an-id\naws_secret_access_key = %secret\n")
    environ = {"HOME": str(tmp_path)}
    if profile != "default":
        environ["AWS_PROFILE"] = profile
    found = find_credentials(environ)
    assert found and (found.access_key_id, found.secret_access_key) == ("an-id", "%secret")
    assert "%secret" not in repr(found)
    assert find_credentials({**environ, "AWS_PROFILE": "missing"}) is None


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///prefix", "s3://a b", "s3://bucket/../up", "s3://-"]
)
def test_malformed_buckets_and_prefixes_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        open_store(url, environ=KEYS)


@pytest.mark.parametrize("endpoint", ["localhost:8333", "https://id:word@host", "s3.example.org"])
def test_an_endpoint_is_a_web_address_without_secrets(endpoint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_store("s3://bucket", environ={**KEYS, "OPENDATA_S3_ENDPOINT": endpoint})
    assert "word@" not in str(caught.value)


# --- start-up ------------------------------------------------------------------------


def test_importing_the_stores_loads_no_client_library() -> None:
    script = (
        "import sys, opendata.stores as s; s.open_store('/tmp', environ={}).stat('k');"
        "print([m for m in sys.modules if m.split('.')[0] in ('obstore', 'pyarrow', 'asyncio')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
