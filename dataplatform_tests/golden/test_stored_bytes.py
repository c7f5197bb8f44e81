"""What was stored once is read for ever: one example of each stored value, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplatform.releases.candidate import Candidate
from dataplatform.releases.collecting.pins import Pin
from dataplatform.releases.verdict import Verdict
from dataplatform_tests.golden.examples import (
    SIGNED,
    frozen_golden,
    golden,
    golden_collection,
    golden_commits,
    golden_health,
    golden_index,
    golden_marks,
    golden_metadata,
    golden_signer,
)
from opendata.reading.marks import verify_mark
from opendata.reading.signature import (
    Countersignature,
    Trusted,
    countersigned_statement,
    verdict_statement,
    verify_envelope,
    verify_release,
)
from opendata.stores.memory import MemoryStore
from opendata.wire.catalogue import read_catalogue, read_health
from opendata.wire.chunks import read_chunk_list
from opendata.wire.codec import Wire, read_wire
from opendata.wire.collection import CollectionJournal, CollectionMark, CollectionRecord
from opendata.wire.compatibility import read_matrix
from opendata.wire.digest import parse_digest
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import Manifest, read_manifest
from opendata.wire.marks import read_mark_bytes
from opendata.wire.pointer import read_pointer


def read_as(kind: type[Wire]) -> Callable[[bytes, str], Wire]:
    return lambda data, what: read_wire(kind, data, what)


STORED: dict[str, Callable[[bytes, str], Wire]] = {
    "manifest.json": read_manifest,
    "manifest-signed.json": read_manifest,
    "manifest-quarantined.json": read_manifest,
    SIGNED: read_manifest,
    "countersignature.json": read_as(Countersignature),
    "latest.json": read_pointer,
    "commit-rollback.json": read_pointer,
    "chunks.json": read_chunk_list,
    "candidate.json": read_as(Candidate),
    "candidate-quarantined.json": read_as(Candidate),
    "verdict-contract.json": read_as(Verdict),
    "verdict-contract-signed.json": read_as(Verdict),
    "verdict-quality.json": read_as(Verdict),
    "verdict-quality-signed.json": read_as(Verdict),
    "mark-hard.json": read_mark_bytes,
    "mark-yank-signed.json": read_mark_bytes,
    "health.json": read_health,
    "index.json": read_catalogue,
    "compatibility.json": read_matrix,
    "collection-mark.json": read_as(CollectionMark),
    "collection-journal.json": read_as(CollectionJournal),
    "collection-record.json": read_as(CollectionRecord),
    "pin.json": read_as(Pin),
}


@pytest.mark.requirement("S4-7", "S4-9", "S1-60")
@pytest.mark.parametrize("name", STORED)
def test_a_stored_value_is_read_and_written_as_the_same_bytes(name: str) -> None:
    data = golden(name)
    assert STORED[name](data, name).to_bytes() == data


@pytest.mark.parametrize("name", STORED)
def test_a_field_of_a_newer_version_does_no_harm(name: str) -> None:
    document = json.loads(golden(name)) | {"added_later": {"by": "a newer version"}}
    data = json.dumps(document).encode()
    if "manifest" in name or "commit" in name or name == "latest.json":
        with pytest.raises(Corrupt):  # what names its own digest names the new field in it, too
            STORED[name](data, name)
    else:
        assert STORED[name](data, name).to_bytes() == golden(name)


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"runs": 1, "id": 1}'])
def test_what_is_no_such_value_is_refused_by_its_name(name: str, data: bytes) -> None:
    with pytest.raises(Corrupt) as refused:
        STORED[name](data, name)
    assert name in refused.value.message
    assert refused.value.details["object"] == name


# --- what the bytes mean -------------------------------------------------------------


def manifest(name: str = "manifest.json") -> Manifest:
    return read_manifest(golden(name), name)


@pytest.mark.requirement(
    "S4-3", "S4-4", "S4-65", "S4-66", "S4-67", "S4-68", "S4-69", "S4-70", "S4-71", "S4-72", "S4-73",
    "S4-74", "S4-75", "S4-76", "S4-77", "S4-78", "S4-79", "S4-80", "S4-81", "B3", "B35",
)  # fmt: skip
def test_a_manifest_has_the_blocks_that_were_agreed() -> None:
    document = json.loads(golden("manifest-signed.json"))
    blocks = {
        "versioning": {"schema_version", "data_release", "prev_release", "reader_min", "notes"},
        "changelog": {"diff_S", "diff_R", "diff_I", "breaking"},
        "integrity": {"hash_sha256", "content_hash", "signature", "signed_by", "signed_at"},
        "freeze": {"tag", "mode", "frozen_at", "observation_until", "immutable"},
        "adapters": {"fields_alias", "unit_converters", "routing_rules"},
    }
    assert {name: set(document[name]) for name in blocks} == blocks
    assert {"id", "files", "schema", "contract", "trace", "reports"} <= set(document)
    file = {"name", "path", "sha256", "size_bytes", "row_count", "min", "max", "chunks"}
    assert all(file <= set(entry) for entry in document["files"])
    assert document["versioning"]["data_release"] == document["freeze"]["tag"] == "1.0.0"
    assert document["freeze"]["immutable"] is True


@pytest.mark.requirement("S4-40", "S4-90")
def test_a_trace_leads_from_source_over_method_to_artifact() -> None:
    trace = manifest().trace
    assert [source["url"] for source in trace["source"]] == ["https://example.org/rates.csv"]
    assert trace["method"]["code"]["main_sha256"] == "1"
    assert trace["method"]["run"] == {"id": "run-1", "by": "tests"}
    assert trace["artifact"]["candidate"] == manifest().candidate
    assert trace["artifact"]["content_hash"] == manifest().integrity.content_hash


@pytest.mark.requirement("S4-41", "S4-72", "S4-91")
def test_the_hash_covers_everything_but_freeze_and_integrity() -> None:
    document = json.loads(golden("manifest-signed.json"))
    for block in (set(document) - {"integrity", "freeze", "format"}) | {"new"}:
        altered = json.dumps(document | {block: "altered"}).encode()
        with pytest.raises(Corrupt):
            read_manifest(altered, "releases/1.0.0.json")
    unsigned = json.loads(golden("manifest.json"))
    same = set(document) - {"integrity", "reports", "trace", "freeze"}
    assert all(unsigned[name] == document[name] for name in same)


@pytest.mark.requirement("S4-48", "S4-73", "S4-74")
def test_the_golden_signature_still_holds() -> None:
    signer = golden_signer()
    for name in ("manifest-signed.json", SIGNED):
        signed = manifest(name)
        assert verify_release(signed, signer.trust()) is Trusted.SIGNATURE
        assert signed.integrity.signed_by == signer.key_id
    countersigned = read_wire(Countersignature, golden("countersignature.json"), "countersignature")
    statement = countersigned_statement(signed, countersigned.signed_at)
    assert verify_envelope(countersigned.signature, statement, signer.trust(), "it")
    for gate in ("contract", "quality"):
        verdict = read_wire(Verdict, golden(f"verdict-{gate}-signed.json"), gate)
        candidate = parse_digest(verdict.decision.candidate)
        statement = verdict_statement(verdict.decision.to_json(), candidate)
        assert verify_envelope(verdict.signature, statement, signer.trust(), gate)


@pytest.mark.requirement("S4-9")
@pytest.mark.parametrize("signed", [False, True])
def test_freezing_the_golden_candidate_gives_the_golden_manifest(
    tmp_path: Path, signed: bool
) -> None:
    frozen = frozen_golden(MemoryStore(), tmp_path, signed=signed)
    assert frozen.stored_bytes == golden(SIGNED if signed else "manifest.json")


@pytest.mark.requirement("B1")
def test_the_golden_commits_follow_each_other() -> None:
    first, second, third = golden_commits()
    assert first.to_bytes() == golden("latest.json")
    assert third.to_bytes() == golden("commit-rollback.json")
    assert [c.generation for c in (first, second, third)] == [1, 2, 3]
    assert second.parent_commit_id == first.commit_id
    assert third.parent_commit_id == second.commit_id
    assert (first.release, third.release) == ("1.0.0", "1.0.0")


@pytest.mark.requirement("S1-24", "S1-76", "S1-82", "S1-83", "S1-84", "S1-85", "S4-91", "B9")
def test_metadata_is_what_it_always_was() -> None:
    assert golden_metadata() == golden("metadata.json")
    document = json.loads(golden("metadata.json"))
    assert document["min_date"] == "2026-01-30"
    assert document["max_date"] == "2026-02-03"
    assert document["row_count"] == 5
    assert document["definition_sha256"] == "d" * 64
    assert document["preview"]["rows"][1] == ["2026-01-31", None]
    signed = manifest("manifest-signed.json").integrity
    assert document["signature"]["hash_sha256"] == signed.hash_sha256


@pytest.mark.requirement("S1-19", "S1-22", "S1-60", "S1-62", "B8")
def test_the_catalogue_is_what_it_always_was() -> None:
    assert golden_index().to_bytes() == golden("index.json")
    assert golden_health().to_bytes() == golden("health.json")
    entry = json.loads(golden("index.json"))["datasets"][0]
    assert set(entry) == {
        "id", "title", "description", "topics", "license", "namespace", "release", "generation",
        "updated_at", "row_count", "size_bytes", "min_date", "max_date", "health",
    }  # fmt: skip


@pytest.mark.requirement("B2", "S4-89")
@pytest.mark.parametrize("name", golden_collection())
def test_what_a_collection_stores_is_what_it_always_was(name: str) -> None:
    assert golden_collection()[name].to_bytes() == golden(name)


# --- damage --------------------------------------------------------------------------


@pytest.mark.requirement("B1", "S4-8")
@pytest.mark.parametrize("name", ["latest.json", "commit-rollback.json"])
def test_no_flipped_bit_in_a_pointer_goes_unseen(name: str) -> None:
    data = golden(name)
    for at in range(len(data)):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            with pytest.raises(Corrupt, match=name):
                read_pointer(flipped, name)


@pytest.mark.requirement("S4-8", "S4-72")
def test_no_flipped_bit_in_a_manifest_s_body_goes_unseen() -> None:
    data = golden("manifest.json")
    starts = [data.index(f'"{block}":{{'.encode()) for block in ("freeze", "integrity")]
    uncovered = {at for start in starts for at in range(start, data.index(b"}", start))}
    for at in set(range(0, len(data), 3)) - uncovered:
        flipped = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        with pytest.raises(Corrupt):
            read_manifest(flipped, "manifest.json")


@pytest.mark.requirement("S4-53", "S4-55")
def test_marks_are_what_they_always_were() -> None:
    for name, mark in golden_marks().items():
        assert golden(f"{name}.json") == mark.to_bytes()
    signed = read_mark_bytes(golden("mark-yank-signed.json"), "mark-yank-signed.json")
    verify_mark(signed, golden_signer().trust())


@pytest.mark.requirement("S4-41", "S4-72")
def test_a_member_whose_name_is_written_with_escapes_is_another_body() -> None:
    """Put back unescaped, such a name would give the very bytes that were hashed."""
    data = golden("manifest.json")
    at = data.index(b',"schema":')
    hidden = data[:at] + data[at:].replace(b'"', b'\\"', 2).replace(b'\\"', b'"', 1)
    swallowed = b'"row_count\\":' + data.split(b'"row_count":', 1)[1]
    altered = data.split(b'"row_count":', 1)[0] + swallowed
    for forged in (hidden, altered):
        with pytest.raises(Corrupt):
            read_manifest(forged, "manifest.json")
