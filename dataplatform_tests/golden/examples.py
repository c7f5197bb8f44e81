"""How the golden files were made, and with which key.

Golden files are never made anew to please a change: bytes that were written once are read for ever.
Run this only to add an example of something new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as dataclass_replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.releases.candidate import Candidate, SourceBytes, read_candidate, stage_candidate
from dataplatform.releases.collecting.pins import Pin
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.metadata import build_entry, build_metadata
from dataplatform.releases.validate import validate_candidate
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.marks import mark_statement
from opendata.reading.resolve import Release
from opendata.reading.signature import Countersignature, countersigned_statement
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.catalogue import Catalogue, Health, RunOutcome
from opendata.wire.codec import Wire, read_json, read_wire, replace
from opendata.wire.collection import (
    CollectionJournal,
    CollectionMark,
    CollectionRecord,
    UnnamedObject,
)
from opendata.wire.digest import canonical_json, digest_of, prefixed
from opendata.wire.ids import parse_dataset_id
from opendata.wire.manifest import read_manifest
from opendata.wire.marks import Mark, new_mark
from opendata.wire.pointer import Pointer, PointerKind, next_pointer

FOLDER = Path(__file__).parent
KEY_SEED = bytes(range(32))
SIGNED = "manifest-signed-v2.json"
"""As releases are signed now; `manifest-signed.json` was signed by the statement before."""
SECTIONS: Mapping[str, Any] = {
    "time": "day",
    "topics": ["rates", "macro"],
    "geo": {"scope": "country", "countries": ["US"]},
    "frequency": "daily",
    "contract": {
        "primary_key": ["day"],
        "fields": [
            {"name": "day", "type": "date32", "nullable": False},
            {
                "name": "rate",
                "type": "float64",
                "unit": "percent",
                "aliases": ["yield"],
                "description": "10-year par yield, 利率",
            },
        ],
        "rules": [{"kind": "range", "field": "rate", "min": -5, "max": 50}],
    },
    "quality": [{"metric": "completeness", "field": "rate", "min": 0.5}],
    "release": {"shard": "month", "observation": "3d", "reader_min": "1.0.0"},
}


def golden(name: str) -> bytes:
    """One golden file's bytes."""
    return (FOLDER / name).read_bytes()


def golden_signer() -> Ed25519Signer:
    """The key that signed the golden files; everybody knows it."""
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(KEY_SEED))


def golden_table() -> pa.Table:
    """Five days over two months, one of them without a rate."""
    days = pa.array([20_483, 20_484, 20_485, 20_486, 20_487], pa.int32()).cast(pa.date32())
    return pa.table({"day": days, "rate": pa.array([4.25, None, 4.5, 4.75, -0.0])})


def golden_bench(store: MemoryStore, folder: Path, *, signed: bool) -> Bench:
    """The data set that the golden files are about."""
    signer = golden_signer() if signed else None
    return make_bench(store, folder, signer=signer, **SECTIONS)


def write_examples() -> None:
    """Write the files of one first release, unsigned and signed."""
    with TemporaryDirectory() as folder:
        for signed in (False, True):
            store, suffix = MemoryStore(), "-signed" if signed else ""
            bench = golden_bench(store, Path(folder) / suffix, signed=signed)
            candidate = read_candidate(store, bench.dataset, bench.build(golden_table()).digest)
            source = SourceBytes(url="https://example.org/rates.csv", sha256="e" * 64, size_bytes=7)
            digest = stage_candidate(store, replace(candidate, sources=(source,)))
            validate_candidate(bench.ports, bench.dataset, digest)
            gate_candidate(bench.ports, bench.dataset, digest)
            frozen = bench.freeze(digest).release
            for gate in ("contract", "quality"):
                verdict = store.get(keys.verdict_key(bench.dataset, digest, gate)).data
                (FOLDER / f"verdict-{gate}{suffix}.json").write_bytes(verdict)
            (FOLDER / f"manifest{suffix}.json").write_bytes(frozen.stored_bytes)
        chunks, preview = candidate.files[0].chunks, candidate.preview
        candidate_key = keys.candidate_key(bench.dataset, digest)
        for name, key in (("chunks", chunks), ("preview", preview), ("candidate", candidate_key)):
            (FOLDER / f"{name}.json").write_bytes(store.get(key).data)


def golden_commits() -> tuple[Pointer, Pointer, Pointer]:
    """A first release, one that follows it, and the way back."""
    first = _commit(None, "0123456789abcdef", "1.0.0", "publish", "2026-01-31T06:00:05Z")
    second = _commit(first, "fedcba9876543210", "1.0.1", "publish", "2026-02-01T06:00:00.000001Z")
    third = _commit(second, "00000000ffffffff", "1.0.0", "rollback", "2026-02-01T07:30:00Z")
    return first, second, third


def _commit(
    parent: Pointer | None, nonce: str, release: str, kind: PointerKind, updated_at: str
) -> Pointer:
    return next_pointer(
        parent,
        nonce=nonce,
        release=release,
        manifest_sha256=release[-1] * 64,
        kind=kind,
        updated_at=updated_at,
    )


def golden_health() -> Health:
    """A failed run between two good ones."""
    published = RunOutcome(
        run_id="run-1",
        at="2026-01-31T06:00:06Z",
        outcome="published",
        message="published 1.0.0",
        release="1.0.0",
    )
    failed = RunOutcome(
        run_id="run-2",
        at="2026-02-01T06:00:00Z",
        outcome="failed",
        message="example.org does not answer",
        failure_class="network",
        by="dagster",
    )
    unchanged = RunOutcome(
        run_id="run-3",
        at="2026-02-02T06:00:00Z",
        outcome="unchanged",
        message="no change since 1.0.0",
        release="1.0.0",
        by="dagster",
    )
    return Health().with_run(published).with_run(failed).with_run(unchanged)


def golden_metadata() -> bytes:
    """What `metadata.json` says of the golden manifest."""
    manifest = read_manifest(golden("manifest-signed.json"), "manifest-signed.json")
    preview = read_json(golden("preview.json"), "preview.json")
    pointer, health = golden_commits()[0], golden_health()
    dataset = parse_dataset_id(manifest.id)
    return canonical_json(build_metadata(dataset, manifest, pointer, preview, health, "c" * 64))


def golden_index() -> Catalogue:
    """The catalogue of the golden data set alone."""
    manifest = read_manifest(golden("manifest-signed.json"), "manifest-signed.json")
    dataset = parse_dataset_id(manifest.id)
    entry = build_entry(dataset, manifest, golden_commits()[0], golden_health())
    return Catalogue(generated_at="2026-02-02T06:00:01Z", datasets=(entry,))


def golden_marks() -> dict[str, Mark]:
    """A release that was made hard early, and one that a rollback withdrew and somebody signed."""
    first = ("tests/rates", "1.0.0", "0" * 64)
    second = ("tests/rates", "1.0.1", "1" * 64)
    signer = golden_signer()
    hard = new_mark(
        first,
        "hard",
        at=datetime(2026, 2, 1, 6, tzinfo=UTC),
        by="od freeze (ada)",
        generation=1,
        cause="early",
        reason="cited in a paper",
    )
    yank = new_mark(
        second,
        "yank",
        at=datetime(2026, 2, 1, 7, 30, tzinfo=UTC),
        by="od rollback (ada)",
        generation=3,
        reason="June is there twice",
        moved_to="1.0.0",
    )
    signed = replace(yank, signature=signer.sign(mark_statement(yank)), signed_by=signer.key_id)
    return {"mark-hard": hard, "mark-yank-signed": signed}


def write_marks() -> None:
    """Write what was said of releases later."""
    for name, mark in golden_marks().items():
        (FOLDER / f"{name}.json").write_bytes(mark.to_bytes())


def write_derived() -> None:
    """Write what is made of the first release."""
    pointer, _, rollback = golden_commits()
    (FOLDER / "latest.json").write_bytes(pointer.to_bytes())
    (FOLDER / "commit-rollback.json").write_bytes(rollback.to_bytes())
    (FOLDER / "health.json").write_bytes(golden_health().to_bytes())
    (FOLDER / "metadata.json").write_bytes(golden_metadata())
    (FOLDER / "index.json").write_bytes(golden_index().to_bytes())


def write_quarantine_example() -> None:
    """Write the candidate and the manifest of a release that has rows in quarantine."""
    with TemporaryDirectory() as folder:
        store = MemoryStore()
        bench = golden_bench(store, Path(folder), signed=False)
        rule = {"kind": "not_null", "fields": ["rate"], "action": "quarantine"}
        contract = SECTIONS["contract"] | {"rules": [rule | {"quarantine_max": 1}]}
        bench = bench.declared(**{**SECTIONS, "contract": contract})
        bench = dataclass_replace(
            bench, ports=dataclass_replace(bench.ports, engine=DuckDBContractEngine())
        )
        digest = bench.stage(golden_table())
        manifest = bench.freeze(digest).release.stored_bytes
        candidate = store.get(keys.candidate_key(bench.dataset, digest)).data
        (FOLDER / "manifest-quarantined.json").write_bytes(manifest)
        (FOLDER / "candidate-quarantined.json").write_bytes(candidate)


def frozen_golden(store: MemoryStore, folder: Path, *, signed: bool) -> Release:
    """The golden candidate with its golden verdicts, frozen as it was then."""
    bench = golden_bench(store, folder, signed=signed)
    candidate = read_wire(Candidate, golden("candidate.json"), "candidate.json")
    digest = stage_candidate(store, candidate)
    assert digest == digest_of(golden("candidate.json"))
    assert read_candidate(store, bench.dataset, digest) == candidate
    for gate in ("contract", "quality"):
        verdict = golden(f"verdict-{gate}{'-signed' if signed else ''}.json")
        store.put(keys.verdict_key(bench.dataset, digest, gate), verdict)
    for _ in range(3):  # looks at the clock that build and gates had taken
        bench.ports.now()
    return bench.freeze(digest).release


def write_signed() -> None:
    """Write the first release as it is signed now."""
    with TemporaryDirectory() as folder:
        frozen = frozen_golden(MemoryStore(), Path(folder), signed=True)
        (FOLDER / SIGNED).write_bytes(frozen.stored_bytes)


def write_countersignature() -> None:
    """Write the signature of one more key on the signed release; here it is the same key."""
    release = read_manifest(golden(SIGNED), SIGNED)
    at, signer = "2026-03-01T00:00:00Z", golden_signer()
    envelope = signer.sign(countersigned_statement(release, at))
    document = Countersignature(signature=envelope, signed_by=signer.key_id, signed_at=at)
    (FOLDER / "countersignature.json").write_bytes(document.to_bytes())


def golden_collection() -> dict[str, Wire]:
    """What one collection stores, and a pin that keeps a candidate from the next."""
    unnamed = UnnamedObject(digest="ab" * 32, size_bytes=12, modified_at="2026-01-01T00:00:00Z")
    mark, collection = "20260131T060000Z-00000001", "20260201T060000Z-00000002"
    return {
        "collection-mark.json": CollectionMark(
            id=mark,
            at="2026-01-31T06:00:00Z",
            manifests={"tests/rates": 2},
            objects=(unnamed,),
            left_out=1,
        ),
        "collection-journal.json": CollectionJournal(
            id=collection, at="2026-02-01T06:00:00Z", mark=mark, objects=(unnamed,)
        ),
        "collection-record.json": CollectionRecord(
            id=collection, at="2026-02-01T06:00:00Z", mark=mark, removed=(unnamed,), kept=1
        ),
        "pin.json": Pin(
            candidate=prefixed("cd" * 32), pinned_at="2026-01-31T06:00:00Z", because="an audit"
        ),
    }


def write_collection() -> None:
    """Write what a collection stores."""
    for name, value in golden_collection().items():
        (FOLDER / name).write_bytes(value.to_bytes())


if __name__ == "__main__":
    write_examples()
    write_signed()
    write_countersignature()
    write_derived()
    write_marks()
    write_quarantine_example()
    write_collection()
