"""Files of a repository come through one process, which nobody has to look after."""

from __future__ import annotations

import gc
import os
import signal
import threading
from pathlib import Path

import pytest

from dataplatform.adapters.git.blobs import BlobReader
from dataplatform.adapters.git.program import Git
from dataplatform_tests.adapters.git.conformance import ODD
from dataplatform_tests.adapters.git.hands import GitHand

pytestmark = pytest.mark.platform
FILES = {f"bundles/weekly/a{number}.yaml": b"%d\n" % number * number for number in range(200)}
BIG = bytes(range(256)) * 20_000


class CountingGit(Git):
    """Git that notes the processes it starts to converse with."""

    started: list[int]

    def conversing(self, command, *arguments):  # type: ignore[no-untyped-def]
        context = super().conversing(command, *arguments)

        class Noting:
            def __enter__(noting):  # type: ignore[no-untyped-def]  # noqa: N805
                process = context.__enter__()
                self.started.append(process.pid)
                return process

            def __exit__(noting, *error):  # type: ignore[no-untyped-def]  # noqa: N805
                return context.__exit__(*error)

        return Noting()


@pytest.fixture
def hand(tmp_path: Path) -> GitHand:
    hand = GitHand(tmp_path / "specs.git")
    hand.commit({**FILES, **dict.fromkeys(ODD, b"odd"), "big": BIG, "empty": b""})
    return hand


def counting(hand: GitHand) -> CountingGit:
    git = CountingGit(str(hand.folder))
    object.__setattr__(git, "started", [])
    return git


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_many_files_come_through_one_process_that_ends_with_its_reader(hand: GitHand) -> None:
    git, commit = counting(hand), str(hand.tip)
    reader = BlobReader(git)
    assert {path: reader.read(commit, path) for path in FILES} == FILES
    assert reader.read(commit, "big") == BIG
    assert reader.read(commit, "empty") == b""
    [pid] = git.started
    assert is_alive(pid)
    del reader
    gc.collect()
    assert not is_alive(pid)


def test_what_is_no_file_is_none_and_the_next_answer_is_right(hand: GitHand) -> None:
    git, commit = counting(hand), str(hand.tip)
    reader = BlobReader(git)
    for path in ("bundles", "", "none", "a b 5", "bundles/weekly/a1.yaml\0", "x\ny", "../x", "./x"):
        assert reader.read(commit, path) is None, path
        assert reader.read(commit, "bundles/weekly/a1.yaml") == b"1\n"
    assert reader.read("0" * 40, "bundles/weekly/a1.yaml") is None
    for path in ODD:
        assert reader.read(commit, path) == b"odd", path
    assert len(git.started) == 1


def test_a_later_commit_is_seen_by_the_same_process(hand: GitHand) -> None:
    git = counting(hand)
    reader = BlobReader(git)
    assert reader.read(str(hand.tip), "later") is None
    later = hand.commit({"later": b"x"})
    assert reader.read(later, "later") == b"x"
    assert len(git.started) == 1


def test_one_that_was_killed_is_started_anew(hand: GitHand) -> None:
    git, commit = counting(hand), str(hand.tip)
    reader = BlobReader(git)
    assert reader.read(commit, "empty") == b""
    os.kill(git.started[0], signal.SIGKILL)
    os.waitpid(git.started[0], 0)
    assert reader.read(commit, "big") == BIG
    assert len(git.started) == 2


def test_threads_get_their_own_answers(hand: GitHand) -> None:
    reader, commit, wrong = BlobReader(counting(hand)), str(hand.tip), []

    def read_all() -> None:
        wrong.extend(path for path in FILES if reader.read(commit, path) != FILES[path])

    threads = [threading.Thread(target=read_all) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []
