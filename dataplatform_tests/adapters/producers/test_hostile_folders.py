"""Folders that no person would make on purpose, and which a thousand producers hold all the same.

Each breaks one producer, says so at its place, and takes nothing else down.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from dataplatform.adapters.producers.folder import ProducerFolder
from dataplatform.datasets.producer import BrokenProducer, Producer
from dataplatform_tests.defs.site import definition
from opendata.wire.ids import parse_dataset_id

NOBODY = 65534


def write(root: Path, dataset: str) -> Path:
    folder = root / dataset
    folder.mkdir(parents=True)
    (folder / "main.py").write_text("def produce(context): ...\n")
    (folder / "opendata.yaml").write_text(yaml.safe_dump(definition(dataset)))
    return folder


@pytest.fixture
def root() -> Iterator[Path]:
    """Two good producers, with whatever a test puts between them, where every user may look."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for dataset in ("ns/a-good-one", "ns/z-good-one"):
            write(Path(folder) / "producers", dataset)
        yield Path(folder) / "producers"


def broken(root: Path) -> dict[str, str]:
    """What is said about every broken producer; the two good ones have to be there."""
    found = ProducerFolder(root).scan()
    good = [str(one.id) for one in found if isinstance(one, Producer)]
    assert {"ns/a-good-one", "ns/z-good-one"} <= set(good), found
    told = [one for one in found if isinstance(one, BrokenProducer)]
    return {f"{one.namespace}/{one.name}": one.findings[0].message for one in told}


def huge(folder: Path) -> None:
    with open(folder / "opendata.yaml", "wb") as file:
        file.truncate(50 << 30)


def endless(folder: Path) -> None:
    (folder / "opendata.yaml").unlink()
    (folder / "opendata.yaml").symlink_to("/dev/zero")


def a_pipe(folder: Path) -> None:
    (folder / "opendata.yaml").unlink()
    os.mkfifo(folder / "opendata.yaml")


def a_pipe_to_run(folder: Path) -> None:
    (folder / "main.py").unlink()
    os.mkfifo(folder / "main.py")


def a_folder_to_read(folder: Path) -> None:
    (folder / "README.md").mkdir()


def a_loop(folder: Path) -> None:
    (folder / "main.py").unlink()
    (folder / "main.py").symlink_to("main.py")


def a_bomb(folder: Path) -> None:
    names = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    (folder / "opendata.yaml").write_text("\n".join(lines))


def too_deep(folder: Path) -> None:
    (folder / "opendata.yaml").write_text("[" * 100_000)


def another_id(folder: Path) -> None:
    (folder / "opendata.yaml").write_bytes(
        (folder.parent / "a-good-one" / "opendata.yaml").read_bytes()
    )


@pytest.mark.requirement("M-4")
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (huge, "the file is larger than 2,097,152 bytes"),
        (endless, "this is no plain file"),
        (a_pipe, "this is no plain file"),
        (a_pipe_to_run, "this is no plain file"),
        (a_folder_to_read, "this is no plain file"),
        (a_loop, "the file cannot be read: Too many levels of symbolic links"),
        (a_bomb, "the file stands for more than 100,000 values"),
        (too_deep, "values nest deeper than 50 levels"),
        (another_id, "the id is 'ns/a-good-one', but its folder says 'ns/harmed'"),
    ],
)
def test_what_a_file_does_stays_with_its_producer(
    root: Path, harm: Callable[[Path], None], said: str
) -> None:
    harm(write(root, "ns/harmed"))
    told = broken(root)
    assert list(told) == ["ns/harmed"]
    assert said in told["ns/harmed"]


def test_a_loop_of_folders_is_no_producer(root: Path) -> None:
    (root / "ns" / "loop").symlink_to("loop")
    (root / "round").symlink_to(root)
    told = broken(root)
    assert "ns/loop" not in told
    assert set(told) == {"round/ns", "round/round"}  # the root once more, and it ends there


def test_a_second_way_to_a_producer_is_not_the_producer(root: Path) -> None:
    (root / "ns" / "alias").symlink_to(root / "ns" / "a-good-one")
    assert "but its folder says 'ns/alias'" in broken(root)["ns/alias"]


def test_names_that_are_no_text_are_told_apart(root: Path) -> None:
    for name in (b"\xff", b"\xfe"):
        os.mkdir(os.fsencode(root / "ns") + b"/" + name)
    assert set(broken(root)) == {r"ns/\xff", r"ns/\xfe"}


@pytest.fixture
def as_nobody() -> Iterator[Callable[[], None]]:
    """Go on as a user whom files can keep out: root is not to be kept out of any."""
    was = os.geteuid()
    try:
        yield lambda: os.seteuid(NOBODY) if was == 0 else None
    finally:
        os.seteuid(was)


@pytest.mark.parametrize(
    ("path", "mode", "name"),
    [
        ("ns/harmed/opendata.yaml", 0o000, "ns/harmed"),
        ("ns/harmed/main.py", 0o000, "ns/harmed"),
        ("ns/harmed", 0o000, "ns/harmed"),
        ("closed", 0o000, "closed/unreadable"),
        ("closed", 0o044, "closed/harmed"),
    ],
)
def test_what_may_not_be_read_is_told_and_the_others_load(
    root: Path, as_nobody: Callable[[], None], path: str, mode: int, name: str
) -> None:
    write(root, f"{path.partition('/')[0]}/harmed")
    (root / path).chmod(mode)
    as_nobody()
    assert broken(root)[name] == "the file cannot be read: Permission denied"


def test_some_producers_are_loaded_without_looking_at_the_others(root: Path) -> None:
    (root / "ns" / "a-good-one" / "opendata.yaml").unlink()
    os.mkfifo(root / "ns" / "a-good-one" / "opendata.yaml")
    [found] = ProducerFolder(root).some({parse_dataset_id("ns/z-good-one")})
    assert isinstance(found, Producer)


def test_all_are_loaded_where_one_of_some_is_not_there(root: Path) -> None:
    asked = {parse_dataset_id("ns/z-good-one"), parse_dataset_id("ns/gone")}
    assert len(ProducerFolder(root).some(asked)) == 2
