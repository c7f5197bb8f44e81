"""The two GitHub workflows: as the document has them, checked by two linters, and run in bash."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataplatform.bundles.ingress import read_event
from dataplatform.bundles.workflows import (
    INDEX_SCRIPT,
    INDEX_WORKFLOW,
    SPEC_WORKFLOW,
    Link,
    index_files,
    spec_files,
)
from dataplatform_tests.adapters.git.conformance import ODD, A, B, C
from dataplatform_tests.adapters.git.hands import GitHand
from dataplatform_tests.house.tree import ROOT
from opendata.wire.errors import InvalidInput

LINK = Link(
    "opendata[platform] @ git+https://git.example/opendata@v0.1.0", "acme/specs", "acme/hub"
)
ZEROS = "0" * 40
VENV = Path(sys.executable).parent


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A repository with both workflows, as the linters want one."""
    for name, text in {**spec_files(LINK), **index_files(LINK)}.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "repository"


def read(text: str) -> dict[Any, Any]:
    return yaml.safe_load(text)


def job(text: str) -> dict[str, Any]:
    (only,) = read(text)["jobs"].values()
    return only


def test_texts_of_events_never_reach_a_shell() -> None:
    for text in (spec_files(LINK)[SPEC_WORKFLOW], index_files(LINK)[INDEX_WORKFLOW]):
        for step in job(text)["steps"]:
            assert "${{" not in step.get("run", "")


@pytest.mark.requirement("S0-2", "S0-3", "S0-8", "S0-9")
def test_the_spec_side_is_the_documents() -> None:
    workflow = read(spec_files(LINK)[SPEC_WORKFLOW])
    assert workflow["name"].lower() == "generate data index"
    assert workflow[True]["push"]["paths"] == ["bundles/**/*.yaml"]  # `on` is a boolean in YAML 1.1
    assert workflow["permissions"] == {}
    dispatch = job(spec_files(LINK)[SPEC_WORKFLOW])["steps"][-1]
    assert dispatch["env"]["GH_TOKEN"] == "${{ secrets.DATAINDEX_TRIGGER_TOKEN }}"
    assert dispatch["env"]["INDEX_REPO"] == "acme/hub"


@pytest.mark.requirement("S0-11", "S0-12", "S0-14")
def test_the_index_side_is_the_documents() -> None:
    text = index_files(LINK)[INDEX_WORKFLOW]
    assert read(text)[True] == {"repository_dispatch": {"types": ["generate-data-index"]}}
    steps = job(text)["steps"]
    fetch = next(step for step in steps if "exact commit" in step["name"])
    assert fetch["env"]["GH_TOKEN"] == "${{ secrets.SPEC_REPO_TOKEN }}"
    assert steps[-1]["run"].startswith("python scripts/generate_data_index.py bundle_spec.yaml ")
    compile(index_files(LINK)[INDEX_SCRIPT], INDEX_SCRIPT, "exec")


def test_actions_are_pinned_by_commit() -> None:
    for text in (spec_files(LINK)[SPEC_WORKFLOW], index_files(LINK)[INDEX_WORKFLOW]):
        uses = re.findall(r"uses: (.+)", text)
        assert uses
        for action in uses:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@pytest.mark.platform
@pytest.mark.requirement("S0-81")
@pytest.mark.parametrize("tool", ["actionlint", "zizmor"])
def test_linters_find_nothing(files: Path, tool: str) -> None:
    program = str(Path(sys.executable).with_name(tool))
    workflows = [str(path) for path in sorted(files.glob(".github/workflows/*.yml"))]
    options = {"actionlint": ["-no-color"], "zizmor": ["--offline", "--no-config", "--no-progress"]}
    done = subprocess.run(
        [program, *options[tool], *workflows], capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(workflows)) == (0, 2), done.stdout + done.stderr


@pytest.mark.platform
def test_the_linters_would_find_something(files: Path) -> None:
    """What they are trusted with here is what they refuse."""
    path = files / SPEC_WORKFLOW
    path.write_text(
        path.read_text().replace('"$AFTER" \'', '"${{ github.event.head_commit.message }}" \'')
    )
    program = str(Path(sys.executable).with_name("zizmor"))
    line = [program, "--offline", "--no-config", str(path)]
    assert subprocess.run(line, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    "link",
    [
        Link("x", spec="a b/c"),
        Link("x", index="$(id)/c"),
        Link("x", branch='main"]\n    x: ["'),
        Link('x"; rm -rf / #'),
        Link("$(id)"),
    ],
)
def test_what_could_mean_something_else_is_refused(link: Link) -> None:
    with pytest.raises(InvalidInput):
        spec_files(link)
    with pytest.raises(InvalidInput):
        index_files(link)


# --- the steps, run by bash -------------------------------------------------------------

GH = """#!/usr/bin/env bash
printf '%s ' "$@" >>"$CALLS.arguments"; echo >>"$CALLS.arguments"
if [[ "$*" == *--input* ]]; then cat >>"$CALLS"; fi
if [[ "$*" == *contents* ]]; then echo "meta: {}"; fi
if [[ -n "${REFUSE:-}" ]] && tail -n1 "$CALLS" | grep -q "$REFUSE"; then exit 1; fi
"""


class Runner:
    """Runs the shell of a workflow's steps as GitHub does, with a `gh` that only writes down."""

    def __init__(self, workflow: str, folder: Path) -> None:
        self.steps = [step for step in job(workflow)["steps"] if "run" in step]
        self.folder = folder
        self.calls = folder / "calls"
        (folder / "bin").mkdir()
        (folder / "bin" / "gh").write_text(GH)
        (folder / "bin" / "gh").chmod(0o755)

    def run(self, number: int, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.steps[number]["run"]],
            cwd=cwd,
            env={"PATH": os.pathsep.join(map(str, (self.folder / "bin", VENV, os.environ["PATH"]))),
                 "CALLS": str(self.calls), "LC_ALL": "C.UTF-8", **environ},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    def events(self) -> list[dict[str, Any]]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [json.loads(line) for line in lines]


@pytest.fixture
def hand(tmp_path: Path) -> GitHand:
    return GitHand(tmp_path / "specs.git")


@pytest.fixture
def spec_side(tmp_path: Path) -> Runner:
    return Runner(spec_files(LINK)[SPEC_WORKFLOW], tmp_path)


def pushed(runner: Runner, hand: GitHand, before: str, after: str) -> list[dict[str, Any]]:
    """What a push makes the spec repository's workflow send."""
    clone = runner.folder / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--no-checkout", str(hand.folder), str(clone)], check=True
    )
    found = runner.run(0, clone, BEFORE=before, AFTER=after)
    assert found.returncode == 0, found.stderr
    sent = runner.run(1, clone, INDEX_REPO="acme/hub")
    assert sent.returncode == 0, sent.stderr
    return runner.events()


def paths(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["client_payload"]["bundle_file"] for event in events)


@pytest.mark.platform
@pytest.mark.requirement("S0-4", "S0-5", "S0-6", "S0-7", "S0-10", "S0-81", "S0-83")
def test_every_file_of_a_push_is_an_event(spec_side: Runner, hand: GitHand) -> None:
    before = hand.commit({A: "1", "README.md": "x"})
    hand.commit({B: "1", "bundles/README.md": "x"})
    hand.commit({A: "2", "channels/x/spec-1.0.0.yaml": "x"})
    after = hand.commit({C: "c"})
    events = pushed(spec_side, hand, before, after)
    assert paths(events) == [C, A, B]
    assert events[1] == {
        "event_type": "generate-data-index",
        "client_payload": {
            "bundle_file": A,
            "bundle_type": "weekly",
            "bundle_name": "a-v1.0.0",
            "spec_repo_commit": after,
        },
    }
    assert {read_event(event).commit for event in events} == {after}
    arguments = spec_side.calls.with_suffix(".arguments").read_text()
    assert set(arguments.splitlines()) == {"api --method POST repos/acme/hub/dispatches --input - "}


@pytest.mark.platform
def test_what_was_deleted_or_renamed_away_is_no_event(spec_side: Runner, hand: GitHand) -> None:
    before = hand.commit({A: "1", B: "2"})
    after = hand.commit({A: None, B: None, C: "2"})
    assert paths(pushed(spec_side, hand, before, after)) == [C]


@pytest.mark.platform
def test_the_first_push_names_everything(spec_side: Runner, hand: GitHand) -> None:
    after = hand.commit({A: "1", B: "2", "README.md": "x"})
    assert paths(pushed(spec_side, hand, ZEROS, after)) == [A, B]


@pytest.mark.platform
@pytest.mark.parametrize("gone", [True, False], ids=["before is gone", "before is aside"])
def test_a_forced_push_names_everything(spec_side: Runner, hand: GitHand, *, gone: bool) -> None:
    first = hand.commit({A: "1"})
    aside = hand.commit({B: "1"})
    hand.reset(first)
    after = hand.commit({C: "c"})
    hand.git("update-ref", "refs/heads/aside", aside)
    before = "1234567890" * 4 if gone else aside
    assert paths(pushed(spec_side, hand, before, after)) == [C, A]


@pytest.mark.platform
def test_hostile_names_are_data(spec_side: Runner, hand: GitHand) -> None:
    names = [name for name in ODD if "\udcff" not in name]
    before = hand.commit({"README.md": "x"})
    after = hand.commit(dict.fromkeys(names, "1"))
    assert paths(pushed(spec_side, hand, before, after)) == sorted(names)
    assert not list(spec_side.folder.rglob("hacked"))


@pytest.mark.platform
def test_one_event_that_fails_does_not_hold_up_the_others(spec_side: Runner, hand: GitHand) -> None:
    after = hand.commit({A: "1", B: "2", C: "c"})
    clone = spec_side.folder / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--no-checkout", str(hand.folder), str(clone)], check=True
    )
    spec_side.run(0, clone, BEFORE=ZEROS, AFTER=after)
    sent = spec_side.run(1, clone, INDEX_REPO="acme/hub", REFUSE="a-v1.0.0")
    assert sent.returncode == 1
    assert len(spec_side.events()) == 3


@pytest.mark.platform
@pytest.mark.requirement("S0-12")
def test_the_index_side_takes_only_bundles(tmp_path: Path) -> None:
    runner = Runner(index_files(LINK)[INDEX_WORKFLOW], tmp_path)
    good = {"BUNDLE_FILE": "bundles/weekly/foundational_model-v1.0.0-2025.25.yaml",
            "SPEC_REPO_COMMIT": "a" * 40, "SPEC_REPO": "acme/specs"}  # fmt: skip
    assert runner.run(0, tmp_path, **good).returncode == 0
    for field, bad in (
        ("BUNDLE_FILE", "bundles/weekly/../../x-v1.0.0.yaml"),
        ("BUNDLE_FILE", "bundles/weekly/x-v1.0.0.yaml?ref=main"),
        ("BUNDLE_FILE", "bundles/weekly/x-v1.0.0.yaml\nname=value"),
        ("BUNDLE_FILE", "bundles/weekly/$(touch hacked)-v1.0.0.yaml"),
        ("BUNDLE_FILE", "bundles/daily/x-v1.0.0.yaml"),
        ("BUNDLE_FILE", ""),
        ("SPEC_REPO_COMMIT", "main"),
        ("SPEC_REPO_COMMIT", "a" * 40 + "\nx"),
    ):
        assert runner.run(0, tmp_path, **{**good, field: bad}).returncode == 1, bad
    assert runner.run(2, tmp_path, **good).returncode == 0
    assert (tmp_path / "bundle_spec.yaml").read_text() == "meta: {}\n"
    asked = runner.calls.with_suffix(".arguments").read_text()
    assert f"repos/acme/specs/contents/{good['BUNDLE_FILE']}?ref={'a' * 40} " in asked
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.platform
@pytest.mark.requirement("S0-13", "S0-14", "S0-15", "S0-81", "S0-83")
def test_the_index_side_generates_commits_and_pushes(
    files: Path, tmp_path: Path, hand: GitHand
) -> None:
    """The last step in a clone of the index repository, between two bare remotes."""
    index = GitHand(tmp_path / "hub.git")
    lake = tmp_path / "lake" / "2025" / "06" / "01" / "12"
    lake.mkdir(parents=True)
    (lake / "img_001.jpg").write_bytes(b"picture")
    spec = yaml.safe_dump({
        "meta": {"bundle_name": "m", "bundle_version": "v1.0.0-2025.25", "bundle_type": "weekly"},
        "channels": [{"channel": "image_original", "version": ">=1.2,<2"}],
    })  # fmt: skip
    path = "bundles/weekly/m-v1.0.0-2025.25.yaml"
    channel = {"channel": "image_original", "version": "1.2.0",
               "storage_path": str(tmp_path / "lake")}  # fmt: skip
    commit = hand.commit({path: spec, "channels/image_original/spec-1.2.0.yaml": str(channel)})
    hand.commit({"README.md": "later"})
    (files / "bundle_spec.yaml").write_text(spec)
    runner = Runner(index_files(LINK)[INDEX_WORKFLOW], tmp_path)
    done = runner.run(
        3, files, SPEC_REPO_COMMIT=commit, PYTHONPATH=str(ROOT), OPENDATA_CACHE="off",
        OPENDATA_SPEC_REPO=str(hand.folder), OPENDATA_INDEX_REPO=str(index.folder),
        OPENDATA_STORAGE=str(tmp_path / "store"), OPENDATA_SIGNING_KEY="",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = yaml.safe_load(index.git("show", f"data/m-v1.0.0-2025.25:{path}"))
    assert told["meta"]["spec_source"]["commit"] == commit
    assert told["meta"]["total_files"] == 1
    assert index.git("rev-parse", "main") == index.git("rev-parse", "data/m-v1.0.0-2025.25")
