"""`od push`: a file becomes a published data set, by the same gates as a producer's rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from opendata.cli.output import Mode, Output, with_output
from opendata.wire.errors import Denied, InvalidInput
from opendata.wire.ids import DatasetId, parse_dataset_id


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("dataset", metavar="NS/NAME")
@click.option("--title", help="Default: the name, or what the current release says.")
@click.option("--description", help="What one row is, and where it comes from.")
@click.option("--license", help="In SPDX's words: CC0-1.0, CC-BY-4.0, MIT …")
@click.option("--repo", help="Where the code or the story behind the data is.")
@click.option("--provider", help="Who the data comes from.")
@click.option("--key", multiple=True, help="Columns that identify a row, separated by commas.")
@click.option("--time", help="The column that says when; allows --start and --end on load.")
@click.option("--shard", type=click.Choice(["none", "year", "month", "day"]), help="Cut by time.")
@click.option("--topic", "topics", multiple=True, help="A word to find it by; repeatable.")
@click.option("--readme", type=click.Path(dir_okay=False, exists=True, path_type=Path),
              help="A Markdown file that tells more.")  # fmt: skip
@click.option("--new-columns", is_flag=True, help="Let columns that are new join the contract.")
@click.option("--force", is_flag=True, help="Release even what has not changed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_output
def push(
    out: Output,
    file: Path,
    dataset: str,
    key: tuple[str, ...],
    readme: Path | None,
    new_columns: bool,
    force: bool,
    yes: bool,
    **said: Any,
) -> None:
    """Publish a CSV, Parquet, JSON or NDJSON file.

    What is not said now is taken from the current release, so the next push needs the file alone.
    """
    from dataplatform.adapters.runner.producer_process.lazy_pandas import delay_pandas
    from dataplatform.cli.frames import as_reader
    from dataplatform.cli.place import find_settings, prepare_store
    from dataplatform.cli.pushing import PushRequest, push_rows
    from dataplatform.cli.run import show_nothing_new, show_released
    from dataplatform.releases.chain import Released
    from dataplatform.wiring import from_settings

    delay_pandas()
    settings = find_settings()
    identity = _identity(file, dataset)
    request = PushRequest(
        identity,
        as_reader(file),
        metadata_of(key, **said),
        readme=readme.read_bytes() if readme else None,
        new_columns=new_columns,
        force=force,
    )
    platform = from_settings(settings)
    _confirm(out, f"publish {file} as {identity} in {settings.store_url}?", yes)
    prepare_store(settings, out.note)
    with out.steps() as step:
        result = push_rows(platform, request, out.warn, step, out.log)
    if isinstance(result, Released):
        show_released(out, result)
    else:
        show_nothing_new(out, str(identity), result)


def _identity(file: Path, dataset: str) -> DatasetId:
    """The id, with a word about the order of the two where they were swapped."""
    if Path(dataset).expanduser().is_file() and not file.is_file():
        raise InvalidInput(
            f"FILE comes first, then NS/NAME: {dataset} is a file",
            code="swapped_arguments",
            hint=f"od push {dataset} {file}",
        )
    return parse_dataset_id(dataset)


def metadata_of(
    key: tuple[str, ...],
    *,
    provider: str | None = None,
    shard: str | None = None,
    topics: tuple[str, ...] = (),
    **fields: str | None,
) -> dict[str, Any]:
    """Options as the fields and sections of an opendata.yaml; what was not said is left out."""
    metadata: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if provider:
        metadata["source"] = {"provider": provider}
    if shard:
        metadata["release"] = {"shard": shard}
    if topics:
        metadata["topics"] = list(topics)
    if key:
        names = [name.strip() for text in key for name in text.split(",")]
        metadata["contract"] = {"primary_key": [name for name in names if name]}
    return metadata


def _confirm(out: Output, question: str, yes: bool) -> None:
    """Ask where somebody can answer; a script has said what it wants by calling."""
    if yes or out.mode is not Mode.HUMAN or not sys.stdin.isatty():
        return
    if not click.confirm(question, default=True, err=True):
        raise Denied("nothing was published", code="declined", hint="answer y, or add --yes")
