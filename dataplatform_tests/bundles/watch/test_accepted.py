"""Whoever indexes a channel again is told that damaged files are taken as they are now."""

from __future__ import annotations

from pathlib import Path

from dataplatform.bundles.watch.verify import verify_bundle
from dataplatform_tests.bundles.bench import Bench

PICTURE = "2025/06/01/01/img_001.jpg"


def test_damage_that_becomes_the_truth_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.pictures("images", 3)
    bench.ask()
    assert bench.index().notes == ()
    (tmp_path / "lake" / "images" / PICTURE).write_bytes(b"cut")
    done = bench.index()  # nobody has found it yet, so it is a delivery like any other
    assert (done.lock.revision, done.notes) == (2, ())

    (tmp_path / "lake" / "images" / PICTURE).write_bytes(b"cut again")
    assert not verify_bundle(bench.ports, done.lock, now=bench.clock()).passed
    (told,) = bench.index().notes
    assert told.startswith(
        f"images 1.2.0: 1 file that was found damaged is locked as now: {PICTURE}"
    )
    bench.put_files("images", {PICTURE: b"1" * 10})  # restored
    assert bench.index().notes == ()
