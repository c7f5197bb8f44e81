"""`od doctor` and `od cache`: what is set up here, and what to type where it is not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dataplatform_tests.adapters.git.hands import GitHand
from dataplatform_tests.cli.shell import Answer, od

pytestmark = pytest.mark.platform


def states(answer: Answer) -> dict[str, str]:
    return {finding["what"]: finding["state"] for finding in answer.json}


def test_a_bare_machine_lacks_a_store_and_is_told_how_to_get_one(project: Path) -> None:
    answer = od("doctor")
    assert answer.code == 6
    assert "✗ store" in answer.out
    assert "OPENDATA_STORAGE" in answer.out
    assert "✓ python" in answer.out
    assert od("doctor", "-q").out == "store\n"


def test_a_project_in_order_is_green(rates: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in od("key", "create", "-q").out.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENDATA_CACHE", "cache")
    od("init", "me/weather")
    answer = od("doctor", "--json")
    assert answer.code == 0
    assert set(states(answer).values()) == {"good"}
    assert set(states(answer)) == {
        "python", "store", "cache", "trust", "platform", "signing", "producers",
    }  # fmt: skip
    assert "1 data set; writable" in od("doctor").out


def test_each_thing_that_is_wrong_comes_with_what_mends_it(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = project / "key.pem"
    key.write_text("not a key")
    key.chmod(0o644)
    monkeypatch.setenv("OPENDATA_SIGNING_KEY", f"file:{key}")
    monkeypatch.setenv("OPENDATA_TRUST", str(project / "no-such.json"))
    od("init", "me/weather")
    Path("producers/me/weather/main.py").write_text("x = (")
    answer = od("doctor", "--json")
    assert answer.code == 6
    assert {what for what, state in states(answer).items() if state == "bad"} == {
        "trust", "signing", "producers",
    }  # fmt: skip
    told = od("doctor").out
    assert f"chmod 600 {key}" in told
    assert "→ od check" in told


def test_the_doctor_leaves_nothing_in_the_store(rates: str, project: Path) -> None:
    store = project / ".opendata" / "store"
    before = objects_in(store)
    assert od("doctor").code == 0
    assert objects_in(store) == before


def objects_in(store: Path) -> list[Path]:
    """What is stored; locks are the folder's own business."""
    files = (path for path in store.rglob("*") if path.is_file())
    return sorted(path for path in files if ".locks" not in path.parts)


def test_the_cache_is_shown_and_emptied(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "off" in od("cache", "info").out
    assert od("cache", "clear").code == 2
    monkeypatch.setenv("OPENDATA_CACHE", str(project / "cache"))
    kept = project / "cache" / "blobs" / "aa" / ("a" * 64)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"x" * 1000)
    (project / "cache" / "mine.txt").write_text("not the cache's")
    assert od("cache", "info", "--json").json["objects"] == 1
    assert od("cache", "clear").code == 0
    assert not kept.exists()
    assert (project / "cache" / "mine.txt").exists()


def test_the_cache_is_emptied_of_what_nothing_reads(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_CACHE", str(project / "cache"))
    unused = _file_read(project / "cache" / "blobs" / "aa" / ("a" * 64), days_ago=31)
    interrupted = _file_read(project / "cache" / "partial" / "b.part", days_ago=31)
    used = _file_read(project / "cache" / "blobs" / "cc" / ("c" * 64), days_ago=29)
    assert od("cache", "clear", "--unused-for", "0").code == 2
    cleared = od("cache", "clear", "--unused-for", "30", "--json")
    assert (cleared.code, cleared.json["freed_bytes"]) == (0, 20)
    assert not unused.exists()
    assert not interrupted.exists()
    assert used.exists()


def _file_read(path: Path, days_ago: float) -> Path:
    """A file of ten bytes that is older still."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 10)
    read_at = time.time() - days_ago * 86_400
    os.utime(path, (read_at, read_at - 86_400))
    return path


def test_the_repositories_of_bundles_are_asked_where_they_are_set(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = GitHand(project / "specs.git")
    specs.commit({"bundles/weekly/model-v1.0.0-2025.25.yaml": "x: 1\n", "README.md": "specs\n"})
    monkeypatch.setenv("OPENDATA_SPEC_REPO", str(specs.folder))
    monkeypatch.setenv("OPENDATA_INDEX_REPO", str(project / "nowhere.git"))
    monkeypatch.setenv("OPENDATA_ALERTS", f"file:{project}/no-addresses")
    answer = od("doctor", "--json")
    told = {finding["what"]: finding for finding in answer.json}
    assert told["specs"]["state"] == "good"
    assert "1 bundle" in told["specs"]["message"]
    assert {told[what]["state"] for what in ("indexes", "alerts")} == {"bad"}
    assert told["indexes"]["fix"].startswith("git ls-remote")
