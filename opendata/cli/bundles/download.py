"""`od bundle download`: a bundle's files into a folder, verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from opendata.cli.bundles.asking import AskedFiles, bundle_argument, files_options, which_options
from opendata.cli.output import Output, with_output
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from opendata._index_client.fetching import Downloaded

BATCH_FILES = 10_000
NAMED_FAILURES = 10


@click.command()
@bundle_argument
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@which_options
@files_options
@click.option(
    "--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="At a time."
)
@with_output
def download(
    out: Output,
    bundle: str,
    folder: Path,
    type: str | None,
    revision: int | None,
    api: str | None,
    channel: str | None,
    start: str | None,
    end: str | None,
    where: tuple[str, ...],
    limit: int | None,
    workers: int,
) -> None:
    """Fetch files of a bundle into FOLDER, below their paths; each is verified by its checksum.

    Typed again, it goes on where it stopped, and fetches only what is missing or wrong.

    \b
    od bundle download model data/ --channel image_original --start 2025-06-01 --end 2025-06-01
    """
    from opendata.cli.bundles.asking import find, open_client

    with open_client(api) as client:
        found = find(client, bundle, type, revision)
        asked = AskedFiles(channel, start, end, where, limit)
        chosen = [file for batch in asked.stream(client, found, BATCH_FILES) for file in batch]
        label = f"fetching {counted(len(chosen), 'file')}"
        with out.progress(label, len(chosen)) as advance:
            done = client.download(chosen, folder, workers=workers, progress=lambda *_: advance(""))
    told = {
        "bundle": str(found.lock.ref),
        "folder": str(folder),
        "fetched": done.fetched,
        "kept": done.kept,
        "bytes_fetched": done.bytes_fetched,
        "failed": [
            {"channel": one.file.channel, "path": one.file["relative_path"], **one.error.to_json()}
            for one in done.failed
        ],
    }
    out.result(told, lambda: _tell(out, done), map(str, done.paths))
    _fail(done, len(chosen))


def _tell(out: Output, done: Downloaded) -> None:
    kept = f", {counted(done.kept, 'file')} there already" if done.kept else ""
    out.good(
        f"fetched {counted(done.fetched, 'file')} ({human_bytes(done.bytes_fetched)}){kept} "
        f"in {done.folder}"
    )
    for one in done.failed[:NAMED_FAILURES]:
        out.warn(f"{one.file['relative_path']}: {one.error.message}")


def _fail(done: Downloaded, asked: int) -> None:
    """End as the first failure does, once all that could be had is there."""
    if not done.failed:
        return
    first = done.failed[0].error
    raise type(first)(
        f"{len(done.failed)} of {counted(asked, 'file')} could not be had",
        code=first.code,
        hint=first.hint or "type the same again to fetch only those",
        details={"first": first.message},
    )
