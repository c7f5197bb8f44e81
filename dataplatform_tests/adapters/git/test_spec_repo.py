"""The spec repository over real git: the port's promises, and what only git can do wrong."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.adapters.git.program import Git
from dataplatform.adapters.specrepo.git import GitSpecRepo
from dataplatform.bundles.changes import find_requests
from dataplatform.ports import PathChange
from dataplatform_tests.adapters.git.conformance import A, B, C, SpecRepoConformance, World, told
from dataplatform_tests.adapters.git.hands import GitHand
from dataplatform_tests.bundles.histories import PATHS, Author, Step, steps
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from opendata.wire.errors import InvalidInput, NotFound, OpenDataError, Unavailable

pytestmark = pytest.mark.platform


@pytest.fixture
def hand(tmp_path: Path) -> GitHand:
    return GitHand(tmp_path / "DataSpecHub.git")


class TestGitSpecRepo(SpecRepoConformance):
    @pytest.fixture
    def world(self, hand: GitHand, tmp_path: Path) -> World:
        return World(hand, GitSpecRepo(str(hand.folder), str(tmp_path / "mirrors")))


@pytest.fixture
def repo(hand: GitHand, tmp_path: Path) -> GitSpecRepo:
    return GitSpecRepo(str(hand.folder), str(tmp_path / "mirrors"))


@pytest.mark.requirement("S0-4", "S0-10")
@settings(max_examples=12, deadline=None)
@given(steps(), st.data())
def test_git_and_the_fake_say_the_same_of_any_history(
    history: list[Step], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hand, fake = GitHand(Path(folder, "spec.git")), FakeSpecRepo()
        authors = Author(hand), Author(fake)
        heads = [tuple(author.do(step).head for author in authors) for step in history]
        repo = GitSpecRepo(str(hand.folder), str(Path(folder, "mirrors")))
        ids = dict(zip(hand.made, fake._commits, strict=True))
        repo.head()
        for _ in range(3):
            since, until = (data.draw(st.sampled_from(heads)) for _ in range(2))
            for path in PATHS:
                assert ids.get(repo.touched(path, until[0])) == fake.touched(path, until[1])
            mine = repo.changes(since[0], until[0], "bundles")
            theirs = fake.changes(since[1], until[1], "bundles")
            assert plain(mine, ids) == plain(theirs, {None: None, **{i: i for i in ids.values()}})


def plain(changes: Sequence[PathChange], ids: Mapping[str, str]) -> set[tuple[str, bool, object]]:
    """What both must agree on: git may pair a rename otherwise where files have equal bytes."""
    told = {(one.path, one.kind == "deleted", ids.get(one.commit or "")) for one in changes}
    return told | {(one.old_path, True, None) for one in changes if one.old_path}


def test_a_mode_that_changed_is_no_change(hand: GitHand, repo: GitSpecRepo) -> None:
    first = hand.commit({A: "1"})
    head = hand.commit({A: "1"}, modes={A: "100755"})
    repo.head()
    assert repo.changes(first, head, "bundles") == []
    assert repo.touched(A, head) == first


def test_links_and_submodules_are_no_files(hand: GitHand, repo: GitSpecRepo) -> None:
    first = hand.commit({A: "1", B: "1"})
    head = hand.commit({A: "/etc/passwd", C: "target"}, modes={A: "120000", C: "120000"})
    repo.head()
    assert told(repo.changes(first, head, "bundles")) == [(A, "deleted", None)]
    assert repo.paths("bundles", head) == [B]
    again = hand.commit({A: "1"})
    repo.head()
    assert told(repo.changes(head, again, "bundles")) == [(A, "added", again)]


def test_tags_follow_and_may_move(hand: GitHand, repo: GitSpecRepo) -> None:
    first = hand.commit({A: "1"})
    hand.tag("v1", first)
    repo.head()
    second = hand.commit({A: "2"})
    hand.git("tag", "-f", "v1", second)
    hand.git(
        "tag",
        "-a",
        "-m",
        "signed off",
        "v2",
        first,
        GIT_COMMITTER_NAME="A",
        GIT_COMMITTER_EMAIL="a",
    )
    repo.head()
    assert (repo.version(second), repo.version(first)) == ("v1", "v2")


def test_a_thousand_commits_at_once_are_a_handful_of_processes(
    hand: GitHand, repo: GitSpecRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`find_requests` over a push of 1,000 commits and 1,200 files."""
    first = hand.commit({"README.md": "x"})
    commits = hand.many(1000, lambda at: {f"bundles/weekly/m{at % 1200:04}-v1.0.0.yaml": str(at)})
    repo.head()
    started: list[str] = []
    original = Git._started

    def counting(self, command, arguments, environ, *, feeds):  # type: ignore[no-untyped-def]
        started.append(command)
        return original(self, command, arguments, environ, feeds=feeds)

    monkeypatch.setattr(Git, "_started", counting)
    found = find_requests(repo, first)
    assert [request.commit for request in found.requests] == commits
    assert len(started) <= 12


@pytest.mark.parametrize("form", ["bare", "file", "clone", "dot git", "relative", "branch"])
def test_the_forms_of_an_address(
    hand: GitHand, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = hand.commit({A: "1"})
    clone = tmp_path / "DataSpecHub"
    subprocess.run(["git", "clone", "-q", str(hand.folder), str(clone)], check=True)
    monkeypatch.chdir(tmp_path)
    other = hand.commit({A: "2"}, parents=[head])
    hand.git("update-ref", "refs/heads/staging/x", other)
    url, expected = {
        "bare": (str(hand.folder), head),
        "file": (f"file://{hand.folder}", head),
        "clone": (str(clone), head),
        "dot git": (f"{clone}/.git", head),
        "relative": ("DataSpecHub.git", head),
        "branch": (f"{hand.folder}#staging/x", other),
    }[form]
    repo = GitSpecRepo(url, "mirrors")
    monkeypatch.chdir("/")
    assert (repo.name, repo.head()) == ("DataSpecHub", expected)
    assert repo.known_head() == expected


def test_a_branch_that_is_not_there(hand: GitHand, tmp_path: Path) -> None:
    hand.commit({A: "1"})
    repo = GitSpecRepo(f"{hand.folder}#none", str(tmp_path / "mirrors"))
    with pytest.raises(NotFound, match="has no none yet"):
        repo.head()


@pytest.mark.parametrize(
    "url", ["", "--upload-pack=touch hacked", "ext::sh -c touch% hacked", "x#", "x#-f", "x#a..b"]
)
def test_addresses_that_are_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput):
        GitSpecRepo(url, str(tmp_path))


def test_a_remote_that_is_not_there_or_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        GitSpecRepo(str(tmp_path / "none.git"), str(tmp_path / "mirrors")).head()
    assert caught.value.code == "git_not_found"
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # nobody listens
    url = f"http://reader:t0psecret@127.0.0.1:{closed.getsockname()[1]}/spec.git"
    repo = GitSpecRepo(url, str(tmp_path / "mirrors"))
    with pytest.raises(Unavailable) as answer:
        repo.head()
    closed.close()
    error = answer.value
    shown = f"{error.to_json()} {error!r} {error.__cause__!r} {repo.url} {repo.name} {vars(repo)}"
    assert "127.0.0.1" in error.message
    assert "t0psecret" not in shown
    assert "reader" not in shown


def test_nobody_sees_credentials_among_the_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    original = subprocess.Popen

    def starting(line, **options):  # type: ignore[no-untyped-def]
        lines.append(" ".join(line))
        return original(line, **options)

    monkeypatch.setattr(subprocess, "Popen", starting)
    with pytest.raises(OpenDataError):
        GitSpecRepo("https://u:t0psecret@127.0.0.1:1/x.git", str(tmp_path)).head()
    assert any("fetch" in line for line in lines)
    assert not any("t0psecret" in line for line in lines)


def test_settings_and_hooks_of_the_machine_change_nothing(
    hand: GitHand, repo: GitSpecRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hand.commit({A: "a\n" * 30})
    head = hand.commit({A: None, B: "a\n" * 30})
    hook = tmp_path / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hacked\n")
    hook.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(
        f"[core]\nhooksPath = {hook.parent}\nquotePath = true\n"
        "[diff]\nrenames = false\nnoprefix = true\n[log]\nshowSignature = true\nfollow = true\n"
        "decorate = full\n[color]\nui = always\n[alias]\nlog = !false\n"
    )
    for name, value in {
        "GIT_CONFIG_GLOBAL": str(config), "GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere",
        "GIT_EXTERNAL_DIFF": "false", "GIT_OBJECT_DIRECTORY": "/nowhere", "GIT_TRACE": "1",
        "GIT_CONFIG_PARAMETERS": "'core.bare=false'",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert repo.head() == head
    assert repo.changes(first, head, "bundles") == [PathChange(B, "renamed", head, old_path=A)]
    assert not (tmp_path / "hacked").exists()


def test_a_shallow_clone_is_refused(hand: GitHand, tmp_path: Path) -> None:
    """Its oldest commit would seem to have made every file."""
    hand.commit({A: "1"})
    hand.commit({B: "1"})
    clone = tmp_path / "clone"
    source = f"file://{hand.folder}"
    subprocess.run(["git", "clone", "-q", "--depth=1", source, str(clone)], check=True)
    with pytest.raises(InvalidInput) as caught:
        GitSpecRepo(str(clone), str(tmp_path / "mirrors")).head()
    assert caught.value.code == "shallow_repository"
    assert caught.value.hint == f"git -C {clone} fetch --unshallow"


def test_a_mirror_that_lost_an_object_says_how_to_have_a_new_one(
    hand: GitHand, repo: GitSpecRepo, tmp_path: Path
) -> None:
    head = hand.commit({A: "1"})
    repo.head()
    (mirror,) = (tmp_path / "mirrors").glob("*.git")
    tree = hand.git("rev-parse", f"{head}^{{tree}}")
    (mirror / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(Unavailable) as caught:
        repo.changes(None, head, "bundles")
    assert caught.value.hint is not None
    assert str(mirror) in caught.value.hint
    shutil.rmtree(mirror)
    again = GitSpecRepo(str(hand.folder), str(tmp_path / "mirrors"))
    assert again.head() == head
    assert again.read(A, head) == b"1"


def test_a_dropped_commit_outlives_a_collection_by_hand(
    hand: GitHand, repo: GitSpecRepo, tmp_path: Path
) -> None:
    first = hand.commit({A: "1"})
    dropped = hand.commit({A: "2"})
    repo.head()
    hand.reset(first)
    repo.head()
    (mirror,) = (tmp_path / "mirrors").glob("*.git")
    subprocess.run(["git", "-C", str(mirror), "gc", "-q", "--prune=now"], check=True)
    assert GitSpecRepo(str(hand.folder), str(tmp_path / "mirrors")).read(A, dropped) == b"2"


def test_a_commit_of_another_branch_is_fetched_when_it_is_named(
    hand: GitHand, repo: GitSpecRepo
) -> None:
    first = hand.commit({A: "1"})
    other = hand.commit({A: "2"}, parents=[first])
    hand.git("update-ref", "refs/heads/other", other)
    repo.head()
    assert repo.read(A, other) == b"2"


def test_many_readers_share_a_mirror(hand: GitHand, tmp_path: Path) -> None:
    hand.commit({A: "1"})

    def look(at: int) -> bytes:
        repo = GitSpecRepo(str(hand.folder), str(tmp_path / "mirrors"))
        return repo.read(A, repo.head())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(16))) == {b"1"}


FETCH = """
import sys
from dataplatform.adapters.specrepo.git import GitSpecRepo
print("ready", flush=True)
print(GitSpecRepo(sys.argv[1], sys.argv[2]).head())
"""


def test_a_fetch_that_is_killed_breaks_nothing(hand: GitHand, tmp_path: Path) -> None:
    """Killed with its children at twelve moments of its life."""
    hand.commit({"README.md": "x"})
    hand.many(300, lambda at: {f"bundles/m{at:04}.yaml": "x" * 2000 + str(at)})
    mirrors = tmp_path / "mirrors"
    for at in range(12):
        fetcher = subprocess.Popen(
            [sys.executable, "-c", FETCH, str(hand.folder), str(mirrors)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert fetcher.stdout is not None
        fetcher.stdout.readline()
        time.sleep(0.004 * at)
        fetcher.kill()
        fetcher.communicate()
    for left in ("config.lock", "refs/opendata/head.lock", "packed-refs.lock"):
        for mirror in mirrors.glob("*.git"):
            (mirror / left).parent.mkdir(parents=True, exist_ok=True)
            (mirror / left).touch()
            os.utime(mirror / left, (1, 1))
    repo = GitSpecRepo(str(hand.folder), str(mirrors))
    assert repo.head() == hand.tip
    assert len(repo.changes(None, str(hand.tip), "bundles")) == 300
