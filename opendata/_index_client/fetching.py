"""The bytes of files: into a folder, into memory, or opened; never unverified, never half.

A download goes on where it stopped, in this process or another, and appears under its name when all
of it hashes to what the index says. Files that are there already are hashed, and kept if they are
right.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from opendata._index_client.ports import FileSource
from opendata._index_client.records import FileRecord
from opendata.reading.cache import Cache
from opendata.reading.downloads import download, wrong_size
from opendata.stores.disk import explain_os_error
from opendata.stores.port import ObjectReader
from opendata.wire.digest import check_digest, parse_digest
from opendata.wire.errors import Denied, InvalidInput, OpenDataError
from opendata.wire.paths import check_paths

PARTIAL: Final = ".opendata-partial"
IN_MEMORY_BYTES: Final = 32 << 20
"""A larger file is opened from the cache."""

READERS: Final = 8

Progress = Callable[[int, int | None], None]
"""Called with how many files are done, and of how many, where that is known."""
Place = tuple[str, str]
"""A lock's digest, and a channel of it."""


@dataclass(frozen=True)
class Failed:
    """A file that could not be had, and why."""

    file: FileRecord
    error: OpenDataError


@dataclass(frozen=True)
class Downloaded:
    """What a download did. `paths` are in the order of the files; a failed one has none."""

    folder: Path
    paths: tuple[Path, ...] = ()
    fetched: int = 0
    kept: int = 0
    bytes_fetched: int = 0
    failed: tuple[Failed, ...] = field(default=())


@dataclass(frozen=True)
class Wanted:
    """A file, whom to ask for it, and where it goes."""

    file: FileRecord
    reader: ObjectReader
    key: str
    target: Path


def target_paths(files: Sequence[FileRecord], folder: Path) -> list[Path]:
    """Where each file goes: by its path, below its channel's name where they are of several.

    Raises:
        InvalidInput: if a path leads out of the folder, or two files would be one on some disks.
    """
    several = len({file.channel for file in files}) > 1
    names = [
        f"{file.channel}/{file['relative_path']}" if several else str(file["relative_path"])
        for file in files
    ]
    check_paths(names)
    if PARTIAL in {name.split("/", 1)[0].lower() for name in names}:
        raise InvalidInput(f"a file of the bundle lies in {PARTIAL}", code="unsafe_path")
    return [folder / name for name in names]


def fetch_all(
    wanted: Sequence[Wanted], folder: Path, *, workers: int, progress: Progress | None = None
) -> Downloaded:
    """Have every file in its place, several at a time.

    A file that fails does not stop the others; what failed is told in the end.

    Raises:
        NotFound, Denied, Unavailable: as the disk says.
    """
    partial, mode = folder / PARTIAL, _file_mode()
    fetched = kept = total = 0
    failed: list[Failed] = []
    paths: list[Path] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="opendata-file") as pool:
        futures = [pool.submit(_have, one, partial, mode) for one in wanted]
        try:
            for one, future in zip(wanted, futures, strict=True):
                try:
                    is_new = future.result()
                except OpenDataError as error:
                    failed.append(Failed(one.file, error))
                    continue
                paths.append(one.target)
                fetched, kept = fetched + is_new, kept + (not is_new)
                total += one.file["size_bytes"] if is_new else 0
                if progress is not None:
                    progress(len(paths), len(wanted))
        except BaseException:
            _cancel(futures)
            raise
    if not failed:
        shutil.rmtree(partial, ignore_errors=True)
    return Downloaded(folder, tuple(paths), fetched, kept, total, tuple(failed))


def read_bytes(file: FileRecord, reader: ObjectReader, key: str) -> bytes:
    """A file's bytes, verified.

    Raises:
        Corrupt: if they are not those of its checksum.
        NotFound, Denied, Unavailable: as its place answers.
    """
    size = file["size_bytes"]
    data = reader.get(key, max_bytes=size).data
    if len(data) != size:
        raise wrong_size(key, size, str(len(data)))
    return check_digest(data, parse_digest(file["checksum"]), key)


class Fetcher:
    """Files' bytes, through the places that a source names."""

    def __init__(self, source: FileSource, cache: Cache) -> None:
        self._source = source
        self._cache = cache

    def wanted(self, files: Sequence[FileRecord], folder: Path) -> list[Wanted]:
        """Every file, whom to ask for it, and where it goes.

        Raises:
            InvalidInput: if two of them would be one on some disks, or one is no file of a client.
        """
        for file in files:
            if not isinstance(file, FileRecord):
                raise InvalidInput(
                    f"{file!r} is no file of a bundle",
                    code="invalid_file",
                    hint="give what list_files or stream_data gave, such as files[0]",
                )
        targets = target_paths(files, folder)
        of_place: dict[Place, list[FileRecord]] = {}
        for file in files:
            of_place.setdefault(_place_of(file), []).append(file)
        places = {
            name: self._source.files_of(some[0].origin.bundle, some[0].channel)
            for name, some in of_place.items()
        }
        readers = {name: places[name].reader(some) for name, some in of_place.items()}
        return [
            Wanted(file, readers[_place_of(file)], places[_place_of(file)].key_of(file), target)
            for file, target in zip(files, targets, strict=True)
        ]

    def read_all(self, files: Sequence[FileRecord]) -> list[bytes]:
        """The bytes of files, several at a time, in their order; all of them in memory.

        Raises:
            Corrupt, NotFound, Denied, Unavailable: as :func:`read_bytes`.
        """
        wanted = self.wanted(files, Path())
        with ThreadPoolExecutor(READERS, thread_name_prefix="opendata-bytes") as pool:
            return list(pool.map(lambda one: read_bytes(one.file, one.reader, one.key), wanted))

    def open(self, file: FileRecord) -> BinaryIO:
        """A file to read from, verified before its first byte is handed out.

        Raises:
            Corrupt, NotFound, Denied, Unavailable: as :func:`read_bytes`.
        """
        (one,) = self.wanted([file], Path())
        if file["size_bytes"] <= IN_MEMORY_BYTES:
            return io.BytesIO(read_bytes(file, one.reader, one.key))
        digest = parse_digest(file["checksum"])
        path = self._cache.fetch(one.reader, one.key, digest, file["size_bytes"])
        return open(path, "rb")


def _place_of(file: FileRecord) -> Place:
    return file.origin.bundle.lock_sha256, file.channel


def _have(one: Wanted, partial: Path, mode: int) -> bool:
    """Have a file in its place; returns whether it had to be fetched."""
    digest, size = parse_digest(one.file["checksum"]), int(one.file["size_bytes"])
    target = str(one.target)
    try:
        _check_inside(partial.parent, target)
        if _is_right(target, digest, size):
            return False
        os.makedirs(os.path.dirname(target), exist_ok=True)
        # Two files may have the same bytes, so that each has a draft of its own.
        _check_inside(partial.parent, f"{partial}/{PARTIAL}")
        own = partial / hashlib.sha256(target.encode()).hexdigest()[:32]
        download(one.reader, one.key, digest, size, partial=str(own), target=target)
        os.chmod(target, mode)
        with contextlib.suppress(OSError):
            own.rmdir()
    except OSError as error:
        raise explain_os_error(error, target, size) from error
    return True


def _check_inside(folder: Path, target: str) -> None:
    """No link on the way to a file leads out of the folder; inside of it they may lead anywhere.

    Raises:
        Denied: code `link_out_of_folder`, naming the place.
    """
    inside, parent = os.path.realpath(folder), os.path.realpath(os.path.dirname(target))
    if os.path.commonpath((inside, parent)) != inside:
        raise Denied(
            f"{os.path.dirname(target)} is a link out of {folder}, to {parent}",
            code="link_out_of_folder",
            hint="remove the link, or download into the folder that it leads to",
        )


def _is_right(target: str, digest: str, size: int) -> bool:
    try:
        if os.lstat(target).st_size != size or os.path.islink(target):
            return False
        with open(target, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except FileNotFoundError:
        return False


def _cancel(futures: Iterable[Future[bool]]) -> None:
    for future in futures:
        future.cancel()


def _file_mode() -> int:
    """Of new files, as the process has it; asked before there are threads, since asking sets it."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
