"""A reader's schema is found through a list that nobody signed: what it names is checked."""

from __future__ import annotations

from dataclasses import replace as with_changes
from pathlib import Path

import pyarrow as pa
import pytest

from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform_tests.reading.histories import PERCENT, RENAMED, History, yields
from dataplatform_tests.releases.building import Bench
from opendata._dataset import Dataset
from opendata._settings import Settings
from opendata.reading.lineage import stored_matrix
from opendata.reading.resolve import read_release
from opendata.wire import keys
from opendata.wire.codec import replace
from opendata.wire.digest import digest_of
from opendata.wire.errors import Denied
from opendata.wire.manifest import Manifest
from opendata.wire.signed_body import signed_body
from opendata.wire.version import parse_version

pytestmark = pytest.mark.requirement("S4-48", "S4-56")
FIRST, PLANTED = parse_version("1.0.0"), parse_version("1.0.9")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """`10Y` in schema 1.0.0, `y10` in 1.1.0, both signed."""
    history = History(tmp_path)
    signer = create_key(tmp_path / "signing.pem")
    (tmp_path / "trust.json").write_text(signer.trust_file())
    history.bench = with_changes(
        history.bench, ports=with_changes(history.bench.ports, signer=signer)
    )
    history.release({"10Y": yields()}, PERCENT)
    history.release({"y10": yields()}, RENAMED)
    return history.bench


def handle(tmp_path: Path, **environ: str) -> Dataset:
    """A handle on the current release."""
    environ = {"OPENDATA_STORAGE": str(tmp_path / "store"), "OPENDATA_CACHE": "off", **environ}
    return Dataset("tests/rates", Settings(environ, tmp_path))


def trusting(tmp_path: Path) -> Dataset:
    return handle(tmp_path, OPENDATA_TRUST=str(tmp_path / "trust.json"))


def planted(bench: Bench) -> Manifest:
    """A release of schema 1.0.0 that nobody signed, whose own hash is right."""
    first = read_release(bench.store, bench.dataset, FIRST).manifest
    release = replace(first, versioning=replace(first.versioning, data_release=str(PLANTED)))
    hashed = digest_of(signed_body(release.to_json()))
    unsigned = replace(first.integrity, hash_sha256=hashed, signature=None, signed_by=None)
    return replace(release, integrity=unsigned)


def list_as_first(bench: Bench, manifest: bytes) -> None:
    """Store bytes as release 1.0.9, and have the list name that for schema 1.0.0."""
    bench.store.put(keys.release_key(bench.dataset, PLANTED), manifest)
    matrix = stored_matrix(bench.store, bench.dataset)
    assert matrix is not None
    first, *others = matrix.schemas
    lying = replace(matrix, schemas=(replace(first, data_release=str(PLANTED)), *others))
    bench.store.put(keys.compatibility_key(bench.dataset), lying.to_bytes())


def test_a_planted_release_that_nobody_signed_tells_no_reader_its_schema(
    bench: Bench, tmp_path: Path
) -> None:
    list_as_first(bench, planted(bench).to_bytes())
    found = trusting(tmp_path)
    for ask in (
        lambda: found.known_to("1.0"),
        lambda: found.matrix("1.0"),
        lambda: found.compatibility("1.0"),
        lambda: found.load(reader="1.0", format="arrow"),
        lambda: list(found.batches(reader="1.0")),
    ):
        with pytest.raises(Denied) as refused:
            ask()
        assert refused.value.code == "unsigned"
    assert found.known_to("1.1") is found.release.manifest  # verified when it was opened
    assert handle(tmp_path).known_to("1.0").release == str(PLANTED)  # digests are all it asks for


def test_a_release_that_is_walked_to_is_verified_too(bench: Bench, tmp_path: Path) -> None:
    bench.store.delete(keys.compatibility_key(bench.dataset))
    found = trusting(tmp_path)
    assert found.known_to("1.0").release == "1.0.0"
    first = read_release(bench.store, bench.dataset, FIRST).manifest
    unsigned = replace(first, integrity=replace(first.integrity, signature=None))
    bench.store.put(keys.release_key(bench.dataset, FIRST), unsigned.to_bytes())
    with pytest.raises(Denied, match="is not signed"):
        trusting(tmp_path).known_to("1.0")


def test_what_is_signed_is_read_in_the_reader_s_words(bench: Bench, tmp_path: Path) -> None:
    table = trusting(tmp_path).load(reader="1.0", format="arrow")
    assert isinstance(table, pa.Table)
    assert table.column_names == ["day", "10Y"]


def test_a_listed_manifest_that_is_damaged_is_walked_around(bench: Bench, tmp_path: Path) -> None:
    for damaged in (b"{", planted(bench).to_bytes().replace(b"10Y", b"11Y")):
        list_as_first(bench, damaged)
        assert handle(tmp_path).known_to("1.0").release == "1.0.0"
