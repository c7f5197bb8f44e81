"""`od reproduce`: build a release again from what it was made of, and compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opendata.cli.output import Output, with_output
from opendata.cli.references import reference_argument
from opendata.wire.errors import Denied, InvalidInput, NotFound, OpenDataError, Rejected

if TYPE_CHECKING:
    from dataplatform.adapters.sources.recorded import RecordedSources
    from dataplatform.datasets.producer import Producer
    from dataplatform.releases.recipe import Recipe, Way
    from dataplatform.releases.reproduce import Reproduction
    from dataplatform.releases.run import RunOptions
    from dataplatform.settings import Settings
    from dataplatform.wiring import Platform
    from opendata.reading.resolve import Release
    from opendata.stores.port import ObjectReader


@click.command()
@reference_argument
@click.option("--run-anyway", is_flag=True,
              help="Run the recorded main.py although no trusted key has signed it.")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Show details too, such as a traceback.")
@with_output
def reproduce(out: Output, reference: str, run_anyway: bool, verbose: bool) -> int:
    """Make a release again from its recorded sources and code; ends with 6 if it differs.

    Nothing is written to the store. A producer's main.py runs as it was then, with the bytes that
    it fetched then; that is somebody's code, so a trusted key must have signed the release, or the
    same files must lie in your own producers. A patch is applied to its base again; pushed rows are
    read and hashed again.
    """
    from dataplatform.adapters.runner.producer_process.lazy_pandas import delay_pandas
    from dataplatform.cli.place import find_settings
    from dataplatform.releases.recipe import Way, way_of
    from opendata.reading.resolve import resolve
    from opendata.stores import open_reader
    from opendata.wire.ids import parse_reference

    delay_pandas()
    out.verbose = verbose
    settings = find_settings()
    reader = open_reader(settings.store_url, environ=settings.environ)
    release = resolve(reader, parse_reference(reference))
    way = way_of(release.manifest)
    if way is Way.REBUILT:
        result = _rebuild(out, settings, reader, release, run_anyway=run_anyway)
    else:
        result = _without_producer(out, settings, release, way)
    out.result(result.to_json(), lambda: _show(out, result), [result.now])
    return 0 if result.reproduced else Rejected.exit_code


def _without_producer(out: Output, settings: Settings, release: Release, way: Way) -> Reproduction:
    from dataplatform.cli.place import rehearsal
    from dataplatform.releases.recipe import Way
    from dataplatform.releases.reproduce import rehash, repatch

    with rehearsal(settings) as platform:
        if way is Way.PATCHED:
            return repatch(platform.ports, release, out.log)
        return rehash(platform.ports, release)


def _rebuild(
    out: Output, settings: Settings, reader: ObjectReader, release: Release, *, run_anyway: bool
) -> Reproduction:
    from dataplatform.releases.recipe import read_recipe
    from dataplatform.releases.reproduce import rebuild

    recipe = read_recipe(release.manifest)
    own = _own_producer(settings, release, recipe)
    out.note(_why_it_may_run(settings, reader, release, own, run_anyway=run_anyway))
    with _stage(settings, reader, recipe) as (platform, sources, scratch):
        producer = own or _kept_producer(platform, release, recipe, scratch)
        options = _options(settings, producer, recipe)
        with out.steps() as step:
            step(f"running main.py of {release.id}@{release.version}")
            try:
                return rebuild(platform.ports, release, recipe, producer, options, out.log)
            except OpenDataError as error:
                raise _told_by_source(release, sources, error) from error


@contextmanager
def _stage(
    settings: Settings, reader: ObjectReader, recipe: Recipe
) -> Iterator[tuple[Platform, RecordedSources, Path]]:
    """A platform that writes nowhere and fetches what was recorded."""
    import tempfile

    from dataplatform.adapters.sources.recorded import RecordedSources
    from dataplatform.adapters.sources.web import WebSources
    from dataplatform.cli.place import local_folder
    from dataplatform.wiring import for_rehearsal, utc_now

    local_folder(settings)
    root = settings.work / "rehearsals"
    root.mkdir(parents=True, exist_ok=True)
    sources = RecordedSources(reader, recipe.sources, WebSources(), utc_now)
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        yield for_rehearsal(settings, scratch, sources), sources, Path(scratch)


def _own_producer(settings: Settings, release: Release, recipe: Recipe) -> Producer | None:
    """The producer that lies here, if its two files are the recorded ones."""
    from dataplatform.adapters.producers.folder import ProducerFolder

    try:
        found = ProducerFolder(settings.producers).find(release.id)
    except (NotFound, InvalidInput, Rejected):
        return None
    same = (found.main_sha256, found.yaml_sha256) == (recipe.main_sha256, recipe.definition_sha256)
    return found if same else None


def _why_it_may_run(
    settings: Settings,
    reader: ObjectReader,
    release: Release,
    own: Producer | None,
    *,
    run_anyway: bool,
) -> str:
    """What vouches for the recorded code.

    Raises:
        Denied: if nothing does.
    """
    from dataplatform.wiring import signer_of
    from opendata.reading.signature import Trusted, verify_release

    if own is not None:
        return f"running {own.main_path}, whose bytes are the recorded ones"
    signer = signer_of(settings)
    trust = signer.trust() if signer else settings.trust()
    problem = "no trust file says whose code may run here"
    try:
        if verify_release(release.manifest, trust, reader) is Trusted.SIGNATURE:
            return "running the recorded main.py: digests and signature hold"
    except Denied as denied:
        problem = denied.message
    if run_anyway:
        return "running the recorded main.py, which nobody you trust has signed"
    raise Denied(
        f"reproducing {release.id}@{release.version} runs code out of the store, and {problem}",
        code="untrusted_code",
        hint="set OPENDATA_TRUST, or read it (od trace names its object) and say --run-anyway",
    )


def _kept_producer(platform: Platform, release: Release, recipe: Recipe, scratch: Path) -> Producer:
    """The recorded files in a folder of their own.

    Raises:
        Rejected: if the release keeps none.
    """
    from dataplatform.adapters.producers.folder import DEFINITION, MAIN, ProducerFolder
    from dataplatform.releases.objects import read_object
    from opendata.wire.keys import object_key

    if not recipe.files_kept:
        raise Rejected(
            f"{release.id}@{release.version} does not keep its main.py and opendata.yaml (sha256 "
            f"{recipe.main_sha256[:12]}…, {recipe.definition_sha256[:12]}…)",
            code="not_reproducible",
            hint=f"check out commit {recipe.commit}" if recipe.commit
            else "put the same files below OPENDATA_PRODUCERS",
        )  # fmt: skip
    root = scratch / "producers"
    folder = root / release.id.namespace / release.id.name
    folder.mkdir(parents=True)
    for name, digest in ((MAIN, recipe.main_sha256), (DEFINITION, recipe.definition_sha256)):
        (folder / name).write_bytes(read_object(platform.ports.store, object_key(digest)))
    return ProducerFolder(root).find(release.id)


def _options(settings: Settings, producer: Producer, recipe: Recipe) -> RunOptions:
    """What the run was asked for; a secret is only needed for bytes that were not kept."""
    from dataplatform.releases.run import RunOptions

    environ = dict(settings.environ)
    if recipe.sources_kept:
        for name in producer.definition.secrets:
            environ.setdefault(name, f"not-needed-{name}")
    return dataclasses.replace(
        RunOptions(environ=environ, mirror=settings.mirror, commit=recipe.commit),
        start_at=recipe.start_at,
        end_at=recipe.end_at,
    )


def _told_by_source(
    release: Release, sources: RecordedSources, error: OpenDataError
) -> OpenDataError:
    """The difference in a source, where there is one, in place of what main.py made of it."""
    problem = sources.problem
    if problem is None:
        return error
    return Rejected(
        f"{release.id}@{release.version} cannot be reproduced: {problem.message}",
        code="source_differs",
        hint=problem.hint,
    )


def _show(out: Output, result: Reproduction) -> None:
    for note in result.notes:
        out.note(note)
    if result.reproduced:
        out.line(f"✓ {result.reference}: {result.way}, the same content {result.now}", fg="green")
        if result.identical_files:
            out.line(f"  {result.identical_files} of {result.shards} shards to the byte")
        return
    out.line(f"✗ {result.reference}: {result.way}, and it differs", fg="red")
    for difference in result.differences:
        out.line(f"    {difference.what}")
        out.line(f"      recorded  {difference.recorded}")
        out.line(f"      now       {difference.now}")
