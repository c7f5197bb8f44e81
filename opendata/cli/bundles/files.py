"""`od bundle files`: a bundle's files by time and metadata, on the terminal or into a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from opendata.cli.bundles.asking import AskedFiles, bundle_argument, files_options, which_options
from opendata.cli.output import Mode, Output, with_output
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from opendata._index_client.bundle import Bundle
    from opendata._index_client.records import FileList, FileRecord

SHOWN_FILES: Final = 20
BATCH_FILES: Final = 10_000


@click.command()
@bundle_argument
@which_options
@files_options
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Save all of them: FILE.parquet, .csv, .jsonl or .json.",
)  # fmt: skip
@with_output
def files(
    out: Output,
    bundle: str,
    type: str | None,
    revision: int | None,
    api: str | None,
    channel: str | None,
    start: str | None,
    end: str | None,
    where: tuple[str, ...],
    limit: int | None,
    output: Path | None,
) -> None:
    """List the files of a bundle in order of time; without --channel those of all channels.

    \b
    od bundle files model --channel image_original --start 2025-06-01T12:00Z --end 2025-06-01
    od bundle files model --where camera_id=front --output front.parquet
    """
    from opendata.cli.bundles.asking import find, open_client

    with open_client(api) as client:
        found = find(client, bundle, type, revision)
        shows = output is None and out.mode is Mode.HUMAN
        bounded = SHOWN_FILES + 1 if shows and limit is None else limit
        asked = AskedFiles(channel, start, end, where, bounded)
        with closing(asked.stream(client, found, BATCH_FILES)) as batches:
            if output is not None:
                _save(out, batches, found, channel, output)
            elif out.mode is Mode.HUMAN:
                _show(out, batches, limit)
            elif out.mode is Mode.JSON:
                _print_json(batches)
            else:
                for batch in batches:
                    out.result(None, _nothing, (one["relative_path"] for one in batch))


def _show(out: Output, batches: Iterable[FileList], limit: int | None) -> None:
    seen = [file for batch in batches for file in batch]
    shown = seen if limit is not None else seen[:SHOWN_FILES]
    if not shown:
        out.line("no file fits")
        return
    several = len({file.channel for file in shown}) > 1
    out.table(
        [*(["channel"] if several else []), "time", "path", "size", "metadata"],
        [[*([file.channel] if several else []), *_cells(file)] for file in shown],
    )
    if len(seen) > len(shown):
        out.note("… and more; --limit N shows more, --output FILE.parquet saves all")
    else:
        out.note(counted(len(shown), "file"))


def _cells(file: FileRecord) -> list[object]:
    metadata = file["metadata"]
    told = " ".join(f"{name}={_told(value)}" for name, value in metadata.items())
    return [file["timestamp"], file["relative_path"], human_bytes(file["size_bytes"]), told]


def _told(value: object) -> str:
    """A value as `--where` takes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _save(
    out: Output, batches: Iterable[FileList], bundle: Bundle, channel: str | None, output: Path
) -> None:
    from opendata.cli.saving import format_for, save, save_lines
    from opendata.reading.file_index.schema import INDEX_SCHEMA, STREAM_SCHEMA

    format = format_for(None, output)
    if format in ("jsonl", "json"):
        count = save_lines(_rows(batches), format, output)
    else:
        schema = STREAM_SCHEMA if channel is None else INDEX_SCHEMA
        pieces = (piece for batch in batches for piece in batch.to_arrow().to_batches())
        count = save(pieces, schema, format, output)
    saved = {"bundle": str(bundle.lock.ref), "output": str(output), "files": count}
    told = f"saved {counted(count, 'file')} to {output}"
    out.result(saved, lambda: out.good(told), [str(output)])


def _print_json(batches: Iterable[FileList]) -> None:
    from opendata.cli.saving import save_lines

    save_lines(_rows(batches), "json", None)


def _rows(batches: Iterable[FileList]) -> Iterator[dict[str, Any]]:
    return (dict(file) for batch in batches for file in batch)


def _nothing() -> None:
    """What people are shown where only names were asked for."""
