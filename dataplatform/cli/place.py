"""Where a command works: the project around the working folder, its producers and its store.

Here belongs finding things from where a person stands. Inside a producer's folder the project is
the one around it, so `od run .` does there what `od run NS/NAME` does at the root.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dataplatform.settings import LOCAL_FOLDER, Settings, read_settings
from opendata.reading.resolve import Release, resolve
from opendata.reading.signature import verify_release
from opendata.stores import find_store
from opendata.wire import keys
from opendata.wire.errors import NotFound
from opendata.wire.ids import parse_dataset_id, parse_reference
from opendata.wire.limits import CATALOGUE_MAX_BYTES

if TYPE_CHECKING:
    from dataplatform.datasets.producer import Producer
    from dataplatform.wiring import Platform
    from opendata.stores.port import ObjectReader

UNSIGNED = "the release is unsigned, because no signing key is set"


def find_settings() -> Settings:
    """The settings of this process; inside a producer's folder with the root of its project."""
    cwd = Path.cwd()
    here = read_settings()
    for root in cwd.parents:
        around = read_settings(root=root)
        if cwd.is_relative_to(around.producers.resolve()):
            # What is relative in the environment stays relative to where it was typed.
            return dataclasses.replace(around, store=find_store(here.environ, str(cwd)))
    return here


def require_store(store: ObjectReader) -> None:
    """See that there is a store, before what finds nothing in it says that all is well.

    Raises:
        NotFound: if there is none at its address.
    """
    try:
        store.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES)
    except NotFound as error:
        if error.code != "no_object":
            raise


def trusted_release(reader: ObjectReader, reference: str) -> Release:
    """The release that a reference means, its signature checked where OPENDATA_TRUST is set.

    Raises:
        NotFound: if it does not exist.
        Corrupt, Denied: if its manifest is damaged or its signature does not hold.
    """
    trust = find_settings().trust()
    release = resolve(reader, parse_reference(reference))
    verify_release(release.manifest, trust, reader)
    return release


def find_producer(settings: Settings, target: str) -> Producer:
    """The producer that an id or a path means.

    Raises:
        NotFound: with did-you-mean, if there is none.
        InvalidDefinition: with every finding, if its definition is broken.
    """
    # Commands that have to do with no producer do not pay for loading contracts.
    from dataplatform.adapters.producers.folder import ProducerFolder, load_producer

    folder = producer_folder(target)
    if folder is not None:
        return load_producer(folder)
    return ProducerFolder(settings.producers).find(parse_dataset_id(target))


def producer_folder(target: str) -> Path | None:
    """The folder that a path means, or None where the target is an id.

    Raises:
        NotFound: if it is a path on which no producer lies.
    """
    from dataplatform.adapters.producers.folder import DEFINITION

    path = Path(target).expanduser()
    folder = path.parent if path.name == DEFINITION else path
    if (folder / DEFINITION).is_file():
        return folder.resolve()
    if target.startswith((".", "/", "~")) or target.count("/") > 1:
        raise NotFound(
            f"{target} is no producer: there is no {DEFINITION} in it",
            code="unknown_producer",
            hint="od init NS/NAME writes one; od check lists those there are",
        )
    return None


def prepare_store(settings: Settings, tell: Callable[[str], object]) -> None:
    """Make room for a store where none is in reach, and say so."""
    if settings.store is None:
        tell(f"no store is in reach: creating {settings.store_url}")
        local_folder(settings)


def unsigned_hint(settings: Settings) -> str:
    """What to do for signed releases: set the key that lies here already, or make one."""
    made = sorted((settings.root / LOCAL_FOLDER / "keys").glob("*.pem"))
    if made:
        return f"export OPENDATA_SIGNING_KEY=file:{made[0].absolute()}"
    return "od key create makes a key and says how to set it"


def local_folder(settings: Settings) -> Path:
    """The project's `.opendata`, made if need be, and kept out of version control."""
    folder = settings.root / LOCAL_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("# stores, keys and scratch: nothing here is for a repository\n*\n")
    return folder


@contextmanager
def rehearsal(settings: Settings) -> Iterator[Platform]:
    """The platform over a layer that is lost at the end: nothing reaches the store."""
    from dataplatform.wiring import for_rehearsal

    local_folder(settings)
    root = settings.work / "rehearsals"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        yield for_rehearsal(settings, scratch)
