"""`od bundle index` and `od bundle diff`, as a person uses them: with git, a folder and a store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dataplatform_tests.cli.shell import Answer, od

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S0-1", "S0-14", "S0-80", "S0-82")]
SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_data_index.py"
BUNDLE = "bundles/weekly/model-v1.0.0-2025.25.yaml"
ASKED = """\
meta: {bundle_name: model, bundle_version: "v1.0.0-2025.25", bundle_type: weekly}
channels:
  - {channel: images, version: ">=1.2,<2", data_range: {start_time: "2025-06-01"}}
"""
CHANNEL = 'channel: images\nversion: "1.2.0"\nstorage_path: lake/images/\n'
OLD = 1_748_736_000


@pytest.fixture
def hub(project: Path) -> Path:
    """A spec repository with one bundle, committed; four pictures behind its channel."""
    hub = project / "DataSpecHub"
    write(hub / BUNDLE, ASKED)
    write(hub / "channels/images/spec-1.2.0.yaml", CHANNEL)
    git(hub, "init", "-q", "-b", "main")
    commit(hub)
    pictures(project, 4)
    return hub


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pictures(project: Path, count: int) -> None:
    for number in range(count):
        path = project / f"lake/images/2025/06/01/12/img_{number:03}.jpg"
        write(path, f"picture {number}")
        os.utime(path, (OLD, OLD))


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(hub: Path) -> str:
    git(hub, "add", "-A")
    git(hub, "commit", "-qm", "a change")
    return git(hub, "rev-parse", "HEAD")


def said(answer: Answer, code: int, *words: str) -> None:
    assert answer.code == code, answer
    for each in words:
        assert each in answer.out + answer.err


def test_a_file_of_a_working_tree_is_indexed_at_its_commit(hub: Path, project: Path) -> None:
    answer = od("bundle", "index", f"DataSpecHub/{BUNDLE}")
    said(answer, 0, "✓ weekly/model-v1.0.0-2025.25 is locked (revision 1)", "the lock is unsigned")
    head = git(hub, "rev-parse", "HEAD")
    assert head[:13] in answer.out
    again = od("bundle", "index", f"DataSpecHub/{BUNDLE}", "--json").json
    assert (again["changed"], again["lock"]["spec"]["commit"]) == (False, head)
    assert again["indexed"] == [
        {"channel": "images", "version": "1.2.0", "changed": False, "described": 0, "reused": 4,
         "removed": 0, "unread": []}
    ]  # fmt: skip


def test_what_is_not_committed_is_indexed_and_the_lock_says_so(hub: Path, project: Path) -> None:
    write(hub / "channels/images/spec-1.3.0.yaml", CHANNEL.replace("1.2.0", "1.3.0"))
    answer = od("bundle", "index", f"DataSpecHub/{BUNDLE}", "--json")
    said(answer, 0, "is not committed as it stands here")
    lock = answer.json["lock"]
    assert (lock["spec"]["commit"], lock["channels"][0]["version"]) == (None, "1.3.0")
    commit(hub)
    # The bundle's own file is of the first commit, and there was no 1.3.0 then.
    said(od("bundle", "index", f"DataSpecHub/{BUNDLE}", "--dry-run"), 0, "1.2.0")
    said(
        od("bundle", "index", f"DataSpecHub/{BUNDLE}", "--commit", "HEAD", "--dry-run"), 0, "1.3.0"
    )


def test_a_dry_run_writes_nothing(hub: Path, project: Path) -> None:
    plan = od("bundle", "index", f"DataSpecHub/{BUNDLE}", "--dry-run", "--json").json
    assert plan["dry_run"] is True
    assert [one["version"] for one in plan["channels"]] == ["1.2.0"]
    assert not (project / ".opendata" / "store").exists()


@pytest.mark.requirement("B45")
def test_a_dry_run_tells_which_engine_would_read_how_much_and_why(
    hub: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("bundle", "index", f"DataSpecHub/{BUNDLE}", "--dry-run")
    [one] = od(*asked, "--json").json["channels"]
    assert (one["engine"], one["engine_reason"]) == ("local", "4 files to read")
    assert (one["new"], one["changed"], one["read_bytes"]) == (4, 0, 36)
    monkeypatch.setenv("OPENDATA_SPARK_FILES", "3")  # nothing starts, with Java or without
    said(od(*asked), 0, "spark", "4 files to read; from 3 on it is Spark")
    monkeypatch.delenv("OPENDATA_SPARK_FILES")
    assert od("bundle", "index", f"DataSpecHub/{BUNDLE}").code == 0
    said(od(*asked), 0, "local", "0 files to read")
    assert od(*asked, "--force", "--json").json["channels"][0]["new"] == 4
    (project / "lake").rename(project / "elsewhere")
    lost = od(*asked, "--json")
    assert "lake/images" in lost.json["channels"][0]["problem"]
    said(lost, 0, "images 1.2.0: ")


@pytest.mark.requirement("S0-72")
def test_how_it_ended_by_hand_is_told_to_whoever_watches(
    hub: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENDATA_SPEC_REPO", str(hub))
    (project / "lake").rename(project / "elsewhere")
    said(od("bundle", "index", BUNDLE), 6, "images")
    (project / ".opendata" / "store").mkdir(parents=True, exist_ok=True)
    shown = od("bundle", "status")
    said(shown, 6, f"✗ {BUNDLE}: failed for", "cause:  ", "lake/images", "repair: ")
    [one] = od("bundle", "status", "--json").json["not_indexed"]
    assert (one["path"], one["state"], one["passed"]) == (BUNDLE, "failed", False)
    (project / "elsewhere").rename(project / "lake")
    first = git(hub, "rev-parse", "HEAD")
    assert od("bundle", "index", f"DataSpecHub/{BUNDLE}").code == 0
    assert sync_of_the_bundle() == ("indexed", first)
    # What an old commit comes to says nothing of the newest.
    write(hub / BUNDLE, ASKED + "  - {channel: radar, version: '1'}\n")
    second = commit(hub)
    assert od("bundle", "index", BUNDLE).code == 6
    assert sync_of_the_bundle() == ("failed", second)
    assert od("bundle", "index", BUNDLE, "--commit", first).code == 0
    assert sync_of_the_bundle() == ("failed", second)


def sync_of_the_bundle() -> tuple[str, str]:
    """What `od bundle status` says of the one bundle's file."""
    told = od("bundle", "status", "--json").json
    assert told["not_indexed"] == []
    [sync] = [one["sync"] for one in told["bundles"]]
    return sync["state"], sync["commit"]


def test_a_path_at_a_commit_of_the_repository_that_is_set(
    hub: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = git(hub, "rev-parse", "HEAD")
    write(hub / BUNDLE, ASKED + "  - {channel: radar, version: '1'}\n")
    commit(hub)
    monkeypatch.setenv("OPENDATA_SPEC_REPO", str(hub))
    said(
        od("bundle", "index", "weekly/model-v1.0.0-2025.25"), 6, "radar 1: there is no such channel"
    )
    answer = od("bundle", "index", BUNDLE, "--commit", first, "-q")
    assert (answer.code, answer.out) == (0, "weekly/model-v1.0.0-2025.25\n")
    said(od("bundle", "index", "bundles/weekly/none-v1.0.0.yaml"), 4, "has no bundles/weekly/none")
    said(od("bundle", "index", "none.yaml"), 2, "is no bundle's spec")


def test_without_a_repository_the_setting_is_named(hub: Path, project: Path) -> None:
    write(project / "bundle_spec.yaml", ASKED)
    said(od("bundle", "index", "bundle_spec.yaml"), 4, "export OPENDATA_SPEC_REPO=")
    said(od("bundle", "index", "none.yaml"), 4, "there is no file none.yaml")


def test_a_lone_file_that_asks_for_data_sets_alone_needs_no_repository(
    rates: str, project: Path
) -> None:
    asked = ASKED.partition("channels:")[0] + f"channels:\n  - {{dataset: {rates}, version: '*'}}\n"
    write(project / "bundle_spec.yaml", asked)
    lock = od("bundle", "index", "bundle_spec.yaml", "--json").json["lock"]
    assert lock["channels"][0]["release"] == "me/rates@1.0.0"


def test_a_mistake_is_told_at_its_place(hub: Path, project: Path) -> None:
    write(hub / BUNDLE, ASKED.replace("channel:", "chanel:"))
    answer = od("bundle", "index", f"DataSpecHub/{BUNDLE}")
    said(answer, 2, f"{BUNDLE}:3:6: unknown key `chanel`", "did you mean `channel`?")


@pytest.mark.requirement("S0-13", "S0-15", "S0-78", "S0-79")
def test_documents_go_to_a_bare_index_repository(
    hub: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = project / "DataIndexHub.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    monkeypatch.setenv("OPENDATA_INDEX_REPO", str(bare))
    answer = od("bundle", "index", f"DataSpecHub/{BUNDLE}", "--json")
    branch = "data/model-v1.0.0-2025.25"
    for name in (branch, "main"):
        assert answer.json["commits"][name] == git(bare, "rev-parse", name)
        assert yaml.safe_load(git(bare, "show", f"{name}:{BUNDLE}"))["meta"]["total_files"] == 4
    assert git(bare, "log", "-1", "--format=%s", branch) == (
        "generate data index: model-v1.0.0-2025.25"
    )


def test_the_script_of_the_document_does_the_same(hub: Path, project: Path) -> None:
    write(project / "bundle_spec.yaml", ASKED)
    environ = {
        **os.environ,
        "OPENDATA_SPEC_REPO": "DataSpecHub",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "bundle_spec.yaml"],
        env=environ, cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "is locked (revision 1)" in done.stdout
    assert git(hub, "rev-parse", "HEAD")[:13] in done.stdout


def test_two_bundles_are_compared(hub: Path, project: Path) -> None:
    od("bundle", "index", f"DataSpecHub/{BUNDLE}")
    pictures(project, 5)
    write(project / "lake/images/2025/06/01/12/img_000.jpg", "another picture")
    od("bundle", "index", f"DataSpecHub/{BUNDLE}")
    answer = od("bundle", "diff", "model#1", "model@v1.0.0-2025.25", "--files")
    said(
        answer, 0, "+1 file (9 B)", "~1 file (15 B)",
        "+ images 2025/06/01/12/img_004.jpg", "~ images 2025/06/01/12/img_000.jpg  9 B → 15 B",
    )  # fmt: skip
    told = od("bundle", "diff", "model#1", "weekly/model-v1.0.0-2025.25", "--json").json
    assert told["same"] is False
    assert told["total"] == {
        "added": {"files": 1, "bytes": 9},
        "removed": {"files": 0, "bytes": 0},
        "changed": {"files": 1, "bytes": 15},
        "retold": 0,
    }
    said(od("bundle", "diff", "model", "model"), 0, "the same files")
    said(od("bundle", "diff", "model#9", "model"), 4, "has no revision 9")
    said(od("bundle", "diff", "model#x", "model"), 2, "a revision is a number")
    said(od("bundle", "diff", "modl", "model"), 4, "did you mean 'model'?")


def test_a_bundle_whose_window_has_closed_says_what_to_do(hub: Path, project: Path) -> None:
    write(hub / BUNDLE, ASKED.replace("weekly}", "weekly, observation: 0s}"))
    commit(hub)
    assert od("bundle", "index", f"DataSpecHub/{BUNDLE}").code == 0
    pictures(project, 6)
    answer = od("bundle", "index", f"DataSpecHub/{BUNDLE}")
    said(answer, 5, "4 files of 36 B become 6 files of 54 B", "give it a new bundle_version")


@pytest.mark.requirement("S0-85", "S4-74")
def test_a_bundle_is_signed_once_more_after_its_key_was_stolen(
    hub: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = od("key", "create", "--json").json
    monkeypatch.setenv("OPENDATA_SIGNING_KEY", f"file:{made['key']}")
    monkeypatch.setenv("OPENDATA_TRUST", made["trust"])
    lock = od("bundle", "index", f"DataSpecHub/{BUNDLE}", "--json").json["lock"]
    assert lock["integrity"]["signed_by"] == made["key_id"]
    assert od("bundle", "diff", "model", "model").code == 0
    other = od("key", "rotate", "--json").json
    monkeypatch.setenv("OPENDATA_SIGNING_KEY", f"file:{other['key']}")
    assert od("key", "revoke", made["key_id"], "--json").code == 0
    said(od("bundle", "diff", "model", "model"), 3, "was revoked as compromised")
    bundle = "weekly/model-v1.0.0-2025.25"
    said(od("key", "countersign", bundle), 3, "say --vouch")
    assert od("key", "countersign", bundle, "--dry-run", "-q").out == f"{bundle}#1\n"
    assert od("key", "countersign", "--all", "--vouch", "-q").out == f"{bundle}#1\n"
    assert od("key", "countersign", f"{bundle}#1", "-q").out == ""
    assert od("bundle", "diff", "model", "model").code == 0
    said(od("key", "countersign", f"{bundle}#x"), 2, "a revision is a number")
    said(od("key", "countersign", "weekly/none-v1.0.0"), 4, "there is no weekly bundle none")
