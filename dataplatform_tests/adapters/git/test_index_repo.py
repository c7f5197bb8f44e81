"""The index repository over real git: the port's promises, races, refusals, and being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataplatform.adapters.indexrepo import git as adapter
from dataplatform.adapters.indexrepo.git import GitIndexRepo
from dataplatform.ports import IndexRepo
from dataplatform_tests.adapters.git.hands import GitHand
from dataplatform_tests.adapters.git.index_conformance import (
    BOTH,
    DATA,
    PATH,
    IndexRepoConformance,
)
from opendata.wire.errors import Conflict, Denied, InvalidInput, NotFound

pytestmark = pytest.mark.platform

PUBLISHERS = 16


@pytest.fixture
def hand(tmp_path: Path) -> GitHand:
    return GitHand(tmp_path / "DataIndexHub.git")


@pytest.fixture
def repo(hand: GitHand, tmp_path: Path) -> GitIndexRepo:
    return GitIndexRepo(str(hand.folder), str(tmp_path / "indexes.git"))


@pytest.fixture
def hook(hand: GitHand) -> Path:
    """What runs on the remote for each push; a test writes what it does."""
    path = hand.folder / "hooks" / "pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o755)
    return path


class TestGitIndexRepo(IndexRepoConformance):
    pass


def test_commits_are_made_under_a_name_of_their_own(repo: IndexRepo, hand: GitHand) -> None:
    repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="generate data index: model\n\nbody")
    assert hand.git("log", "-1", "--format=%an <%ae>|%cn|%s|%b", "main") == (
        "OpenData <opendata@localhost>|OpenData|generate data index: model|body"
    )
    assert hand.git("ls-tree", "-r", "main").split()[0] == "100644"
    assert hand.git("rev-parse", "main") == hand.git("rev-parse", DATA)


def test_main_is_what_the_remote_calls_so(repo: IndexRepo, hand: GitHand) -> None:
    hand.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    hand.git("update-ref", "refs/heads/trunk", hand.commit({"README.md": "x"}))
    hand.git("update-ref", "-d", "refs/heads/main")
    repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="one")
    assert hand.git("for-each-ref", "--format=%(refname:short)").split() == [DATA, "trunk"]
    assert hand.git("show", f"trunk:{PATH}") == "a: 1"
    assert repo.read("README.md", DATA) == b"x"


def test_the_nearest_tag_is_the_version_where_no_file_says_it(
    repo: IndexRepo, hand: GitHand
) -> None:
    hand.tag("v2.1.0", hand.commit({"README.md": "x"}))
    hand.commit({"README.md": "y"})
    assert repo.version() == "v2.1.0"


def test_a_lost_race_is_run_again_on_the_new_head(
    repo: IndexRepo, hand: GitHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.commit({"README.md": "x"})
    original, races = GitIndexRepo._push, []

    def push(self, git, commits, heads):  # type: ignore[no-untyped-def]
        if len(races) < 3:
            races.append(hand.commit({f"theirs/{len(races)}.yaml": "b: 1\n"}))
        return original(self, git, commits, heads)

    monkeypatch.setattr(GitIndexRepo, "_push", push)
    monkeypatch.setattr(adapter, "PAUSE_SECONDS", 0)
    commits = repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="one")
    assert commits["main"] == hand.git("rev-parse", "main")
    assert hand.git("rev-parse", "main^") == races[-1]
    assert {f"theirs/{at}.yaml" for at in range(3)} <= set(
        hand.git("ls-tree", "-r", "--name-only", "main").splitlines()
    )
    assert commits[DATA] == hand.git("rev-parse", DATA)


def test_whoever_loses_for_ever_is_told(
    repo: IndexRepo, hook: Path, hand: GitHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hand.commit({"README.md": "x"})
    other = hand.commit({"README.md": "y"}, parents=[first])
    # The remote moves the branch while it looks at the push.
    hook.write_text(
        "#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY\n"
        f"if [ $(git rev-parse main) = {first} ]; then git update-ref refs/heads/main {other}\n"
        f"else git update-ref refs/heads/main {first}; fi\n"
    )
    monkeypatch.setattr(adapter, "PAUSE_SECONDS", 0)
    with pytest.raises(Conflict) as caught:
        repo.publish({PATH: b"a: 1\n"}, branches=["main"], message="one")
    assert caught.value.code == "push_lost"


def test_a_refusal_is_not_tried_again(repo: IndexRepo, hook: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    hook.write_text(f"#!/bin/sh\necho x >>{calls}\necho 'main is protected' >&2\nexit 1\n")
    with pytest.raises(Denied) as caught:
        repo.publish({PATH: b"a: 1\n"}, branches=["main"], message="one")
    assert "hook declined" in caught.value.message
    assert calls.read_text() == "x\n"


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a/.git/config", "a//b", "", "nul\0"])
def test_impossible_paths_are_refused(repo: IndexRepo, hand: GitHand, path: str) -> None:
    with pytest.raises(InvalidInput):
        repo.publish({path: b"x"}, branches=["main"], message="one")
    assert hand.git("for-each-ref") == ""


@pytest.mark.parametrize("branch", ["", "a:b", "--force", "a..b", "x y"])
def test_impossible_branches_are_refused(repo: IndexRepo, branch: str) -> None:
    with pytest.raises(InvalidInput):
        repo.publish({PATH: b"x"}, branches=[branch], message="one")


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    repo = GitIndexRepo(str(tmp_path / "none.git"), str(tmp_path / "indexes.git"))
    with pytest.raises(NotFound):
        repo.publish({PATH: b"x"}, branches=["main"], message="one")


@pytest.mark.parametrize("shared", [True, False], ids=["one mirror", "a mirror each"])
def test_many_publishers_lose_nothing(hand: GitHand, tmp_path: Path, *, shared: bool) -> None:
    hand.commit({"README.md": "x"})

    def publish(at: int) -> str:
        mirror = tmp_path / ("indexes.git" if shared else f"indexes-{at}.git")
        path = f"bundles/weekly/model-v1.0.{at}.yaml"
        repo = GitIndexRepo(str(hand.folder), str(mirror))
        branches = [f"data/model-v1.0.{at}", "main"]
        return repo.publish({path: b"a: %d\n" % at}, branches=branches, message="one")["main"]

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        commits = set(pool.map(publish, range(PUBLISHERS)))
    assert len(commits) == PUBLISHERS
    assert set(hand.git("rev-list", "main").splitlines()) >= commits
    assert int(hand.git("rev-list", "--count", "main")) == PUBLISHERS + 1
    assert len(hand.git("ls-tree", "-r", "--name-only", "main").splitlines()) == PUBLISHERS + 1
    assert len(hand.git("for-each-ref", "refs/heads/data").splitlines()) == PUBLISHERS


PUBLISH = """
import sys
from dataplatform.adapters.indexrepo.git import GitIndexRepo
repo = GitIndexRepo(sys.argv[1], sys.argv[2])
repo.publish({sys.argv[3]: b"a: 1\\n"}, branches=sys.argv[4:], message="one")
"""


def test_a_killed_publisher_is_finished_by_the_next(
    repo: GitIndexRepo, hand: GitHand, hook: Path, tmp_path: Path
) -> None:
    """Killed while the remote has the data branch and not yet the main one."""
    first = hand.commit({"README.md": "x"})
    reached = tmp_path / "reached"
    update = hook.with_name("update")
    update.write_text(
        f"#!/bin/sh\nif [ $1 = refs/heads/main ] && [ ! -e {reached} ]; then\n"
        f"touch {reached}; sleep 60 & echo $! >{reached}; wait; exit 1; fi\n"
    )
    update.chmod(0o755)
    publisher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PUBLISH,
            str(hand.folder),
            str(tmp_path / "indexes.git"),
            PATH,
            *BOTH,
        ],
        start_new_session=True,
    )
    while not (reached.exists() and reached.read_text().strip()):
        assert publisher.poll() is None
        time.sleep(0.01)
    os.killpg(publisher.pid, signal.SIGKILL)
    publisher.wait()
    os.kill(int(reached.read_text()), signal.SIGKILL)  # the remote's side ends as well
    assert hand.git("rev-parse", "main") == first
    commits = repo.publish({PATH: b"a: 1\n"}, branches=BOTH, message="one")
    assert {branch: hand.git("rev-parse", branch) for branch in BOTH} == commits
    assert hand.git("rev-list", "--count", DATA) == hand.git("rev-list", "--count", "main") == "2"
