"""`od init`: the files of a new producer, ready to run; with --from, one that reads your data."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataplatform.adapters.producers.folder import DEFINITION, MAIN, README, shown
from dataplatform.cli.place import find_settings
from dataplatform.settings import Settings
from opendata.cli.output import Output, with_output
from opendata.wire.errors import Conflict, InvalidInput, NotFound
from opendata.wire.ids import DatasetId, parse_dataset_id

if TYPE_CHECKING:
    from dataplatform.datasets.guesses import Guess

FETCH_SECONDS = 300.0
_SSH_REMOTE = re.compile(r"(?:ssh://)?git@([^:/]+)[:/](.+?)(?:\.git)?/?")


@click.command()
@click.argument("dataset", metavar="NS/NAME")
@click.option("--from", "source", metavar="FILE|URL", help="A CSV, Parquet or JSON file to read.")
@click.option("--owner", help="Who looks after it; default: the namespace.")
@with_output
def init(out: Output, dataset: str, source: str | None, owner: str | None) -> None:
    """Write opendata.yaml, main.py and README.md of a new data set; never overwrites.

    With --from, columns, types, key and time column are read from your data; a file is copied
    beside main.py, an address is fetched again by every run.
    """
    settings = find_settings()
    identity = parse_dataset_id(dataset)
    folder = settings.producers / identity.namespace / identity.name
    if folder.exists():
        raise Conflict(
            f"{shown(folder)} exists already, and nothing in it is overwritten",
            code="exists",
            hint=f"od check {identity}, or choose another name",
        )
    files, guessed = _files(settings, identity, source, owner)
    _write(folder, files)
    paths = [shown(folder / name) for name in files]
    columns = [guess.to_json() for guess in guessed]
    out.result(
        {"id": str(identity), "folder": shown(folder), "files": paths, "columns": columns},
        lambda: _show(out, identity, paths, guessed),
        paths,
    )


def _show(out: Output, identity: DatasetId, paths: list[str], guessed: list[Guess]) -> None:
    for path in paths:
        out.line(f"✓ {path}", fg="green")
    out.line()
    if guessed:
        rows = [[one.column, one.type, one.nulls or None, one.note] for one in guessed]
        out.table(["column", "type", "nulls", "note"], rows)
        out.note("this is a guess: correct it in opendata.yaml and main.py before you publish")
        out.line()
    out.line(f"od check {identity}              what is left to write, before it is published")
    out.line(f"od run {identity}                make and check it, publish nothing")
    out.line(f"od run {identity} --publish      release it")


def _files(
    settings: Settings, identity: DatasetId, source: str | None, owner: str | None
) -> tuple[dict[str, bytes], list[Guess]]:
    from dataplatform.datasets.guesses import guesses
    from dataplatform.datasets.infer import propose
    from dataplatform.datasets.scaffold import scaffold, scaffold_from_table

    repo = _repository(settings.root)
    if source is None:
        return _encoded(scaffold(identity, repo=repo, owner=owner)), []
    from dataplatform.datasets.sample import read_sample

    if source.startswith(("https://", "http://")):
        sample = read_sample(_fetched(settings, source), source)
        texts = scaffold_from_table(identity, sample, source=source, repo=repo, owner=owner)
        return _encoded(texts), guesses(sample.table, propose(sample.table))
    name, data = _read(Path(source).expanduser())
    sample = read_sample(data, name)
    texts = scaffold_from_table(identity, sample, source=name, repo=repo, owner=owner)
    return {**_encoded(texts), name: data}, guesses(sample.table, propose(sample.table))


def _encoded(texts: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts.items()}


def _read(path: Path) -> tuple[str, bytes]:
    if path.is_dir():
        raise InvalidInput(
            f"{path} is a folder; name one file in it",
            code="wrong_file",
            hint="od init NS/NAME --from FILE",
        )
    if not path.is_file():
        raise NotFound(f"there is no file {path}", code="missing_file", hint="od init --help")
    if path.name in (DEFINITION, MAIN, README):
        raise InvalidInput(f"{path.name} is a name of the producer's own files; rename the data")
    return path.name, path.read_bytes()


def _fetched(settings: Settings, url: str) -> bytes:
    from dataplatform.adapters.sources.web import WebSources
    from dataplatform.datasets.fetching import SourceRequest

    request = SourceRequest(url, url, FETCH_SECONDS, mirror=settings.mirror)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "source")
        WebSources().fetch(request, str(path))
        return path.read_bytes()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """All files or none: they appear under their name at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, data in files.items():
            (draft / name).write_bytes(data)
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _repository(root: Path) -> str | None:
    """The web address of the git remote, where there is one."""
    command = ["git", "-C", str(root), "config", "--get", "remote.origin.url"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None  # a new producer needs no git; the template says where the address goes
    return web_address(answer.stdout.strip())


def web_address(remote: str) -> str | None:
    """`git@host:org/repo.git` or `https://host/org/repo.git` as an address people can open."""
    if found := _SSH_REMOTE.fullmatch(remote):
        return f"https://{found[1]}/{found[2]}"
    if not remote.startswith("https://"):
        return None
    host, _, path = remote.removeprefix("https://").partition("/")
    return f"https://{host.rpartition('@')[2]}/{path.removesuffix('/').removesuffix('.git')}"
