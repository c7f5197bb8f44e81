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


def in_order(project: Path, monkeypatch: pytest.MonkeyPatch) -> GitHand:
    """Everything that bundles can have, set up as it should be; the spec repository's hand."""
    specs, indexes = GitHand(project / "specs.git"), GitHand(project / "indexes.git")
    specs.commit({"bundles/weekly/a-v1.0.0.yaml": "meta: {}", "channels/a/spec-1.0.0.yaml": "a: b"})
    indexes.commit({"VERSION": "v1.0.0\n"})
    secret, alerts = project / "hook.secret", project / "alerts"
    secret.write_text("s" * 64)
    alerts.write_text("slack://data-ops = json://127.0.0.1:1/\n")
    for one in (secret, alerts):
        one.chmod(0o600)
    tokens = project / "tokens.json"
    assert od("serve", "token", "add", "first", "--tokens", str(tokens)).code == 0
    monkeypatch.setenv("OPENDATA_SPEC_REPO", str(specs.folder))
    monkeypatch.setenv("OPENDATA_INDEX_REPO", str(indexes.folder))
    monkeypatch.setenv("OPENDATA_API_TOKENS", f"file:{tokens}")
    monkeypatch.setenv("OPENDATA_HOOK_SECRET", f"file:{secret}")
    monkeypatch.setenv("OPENDATA_ALERTS", f"file:{alerts}")
    return specs


BUNDLES = ("spec repo", "index repo", "spark", "api tokens", "hook secret", "alerts")


def of_bundles(answer: Answer) -> dict[str, str]:
    return {what: state for what, state in states(answer).items() if what in BUNDLES}


@pytest.mark.requirement("S0-90")
def test_what_bundles_need_is_looked_at_where_it_is_set_up(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert of_bundles(od("doctor", "--json")) == {}
    specs = in_order(project, monkeypatch)
    found = od("doctor", "--json")
    assert of_bundles(found) == dict.fromkeys((*BUNDLES[:2], *BUNDLES[3:]), "good"), found
    shown = od("doctor").out
    assert f"at {str(specs.tip)[:12]}: 1 bundle file" in shown
    assert "version v1.0.0" in shown
    assert "1 token in" in shown
    assert "s" * 64 not in shown


@pytest.mark.requirement("S0-90", "B45")
def test_what_is_wrong_with_bundles_comes_with_what_mends_it(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_order(project, monkeypatch)
    (project / "hook.secret").write_text("short")
    (project / "alerts").chmod(0o644)
    (project / "tokens.json").unlink()
    (project / "specs.git").rename(project / "elsewhere.git")
    monkeypatch.setenv("OPENDATA_INDEX_REPO", str(project / "nowhere.git"))
    monkeypatch.setenv("OPENDATA_SPARK_PYTHON", str(project / "no-python"))
    found = od("doctor", "--json")
    assert (found.code, of_bundles(found)) == (6, dict.fromkeys(BUNDLES, "bad"))
    shown = od("doctor").out
    for words in (
        "→ openssl rand -hex 32", "chmod 600", "→ OPENDATA_API_TOKENS is file:PATH",
        "nowhere.git", "no-python",
    ):  # fmt: skip
        assert words in shown, words


@pytest.mark.requirement("B45")
def test_a_channel_that_asks_for_spark_has_it_looked_for(
    rates: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = in_order(project, monkeypatch)
    specs.commit({"channels/big/spec-1.0.0.yaml": "channel: big\nengine: spark\n"})
    monkeypatch.setenv("JAVA_HOME", str(project / "no-java"))
    shown = od("doctor")
    assert shown.code == 6
    assert "channels/big/spec-1.0.0.yaml asks for it: indexing on Spark needs Java" in shown.out


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
    assert told["spec repo"]["state"] == "good"
    assert "1 bundle" in told["spec repo"]["message"]
    assert {told[what]["state"] for what in ("index repo", "alerts")} == {"bad"}
    assert told["index repo"]["fix"].startswith("git ls-remote")
