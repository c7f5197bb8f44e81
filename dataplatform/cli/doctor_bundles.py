"""What `od doctor` asks of bundles: repositories, Spark where it is wanted, the API's secrets.

Only what somebody has set up is looked at: bundles are no duty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from dataplatform.settings import Settings
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.words import counted

Line = tuple[str, str, str, str | None]
_SPECS: Final = "channels/"
_ASKS_FOR_SPARK: Final = b"engine: spark"


def bundle_checks(settings: Settings) -> Iterator[Line]:
    """What, state (good, note or bad), sentence, and what to do about it."""
    looks: list[tuple[str, bool, Callable[[Settings], Line | None]]] = [
        ("spec repo", settings.spec_repo is not None, _spec_repo),
        ("index repo", settings.index_repo is not None, _index_repo),
        ("spark", True, _spark),
        ("api tokens", "OPENDATA_API_TOKENS" in settings.environ, _tokens),
        ("hook secret", "OPENDATA_HOOK_SECRET" in settings.environ, _hook_secret),
        ("alerts", "OPENDATA_ALERTS" in settings.environ, _alerts),
    ]
    for what, is_set, look in looks:
        if not is_set:
            continue
        try:
            line = look(settings)
        except OpenDataError as error:
            line = (what, "bad", error.message, error.hint)
        if line is not None:
            yield line


def _spec_repo(settings: Settings) -> Line:
    from dataplatform.bundle_wiring import open_spec_repo
    from dataplatform.bundles.requests import BUNDLES_FOLDER, is_bundle_file

    repo = open_spec_repo(settings, str(settings.spec_repo))
    head = repo.head()
    bundles = sum(is_bundle_file(path) for path in repo.paths(BUNDLES_FOLDER, head))
    told = f"{repo.url} at {head[:12]}: {counted(bundles, 'bundle file')}"
    if not bundles:
        return "spec repo", "note", told, "od bundle adopt FOLDER, or commit one below bundles/"
    return "spec repo", "good", told, None


def _index_repo(settings: Settings) -> Line:
    from dataplatform.adapters.indexrepo.git import GitIndexRepo

    repo = GitIndexRepo(str(settings.index_repo), str(settings.work / "indexes.git"))
    version = repo.version()  # which asks the remote
    told = f"{repo.url} answers" + (f", version {version}" if version else "")
    return "index repo", "good", f"{told}; whether it takes pushes, the first one tells", None


def _spark(settings: Settings) -> Line | None:
    """Spark, where a setting or a channel's spec asks for it; only it knows another interpreter."""
    wanted = _wants_spark(settings)
    if wanted is None:
        return None
    if settings.spark_python is not None:
        python = Path(settings.spark_python)
        if not python.is_file():
            hint = "OPENDATA_SPARK_PYTHON names the interpreter of an environment with pyspark"
            return "spark", "bad", f"{wanted}, and there is no {python}", hint
        return "spark", "good", f"{wanted}: started by {python}", None
    from dataplatform.adapters.indexing.spark.engine import DEFAULT_MASTER
    from dataplatform.adapters.indexing.spark.session import require_spark

    master = settings.spark_master or DEFAULT_MASTER
    try:
        require_spark(master)
    except OpenDataError as error:
        return "spark", "bad", f"{wanted}: {error.message}", error.hint
    return "spark", "good", f"{wanted}: pyspark and Java are here, Spark runs at {master}", None


def _wants_spark(settings: Settings) -> str | None:
    named = {
        "OPENDATA_SPARK_FILES": settings.spark_files,
        "OPENDATA_SPARK_MASTER": settings.spark_master,
        "OPENDATA_SPARK_PYTHON": settings.spark_python,
    }
    for name, value in named.items():
        if value is not None:
            return f"{name} is set"
    if settings.spec_repo is None:
        return None
    from dataplatform.bundle_wiring import open_spec_repo

    try:
        repo = open_spec_repo(settings, settings.spec_repo)
        head = repo.known_head() or repo.head()
        for path in repo.paths(_SPECS, head):
            if _ASKS_FOR_SPARK in repo.read(path, head):
                return f"{path} asks for it"
    except OpenDataError:
        return None  # the repository's own line says what is wrong with it
    return None


def _tokens(settings: Settings) -> Line:
    from dataplatform.api.token_file import VARIABLE, read_tokens, token_path

    path = token_path(settings.environ[VARIABLE])
    count = len(read_tokens(path).tokens)
    told = f"{counted(count, 'token')} in {path}"
    if not count:
        return "api tokens", "note", f"{told}: nobody can ask", "od serve token add NAME"
    return "api tokens", "good", told, None


def _hook_secret(settings: Settings) -> Line:
    from dataplatform.api.service import hook_secret

    if hook_secret(settings.environ) is None:
        raise NotFound("OPENDATA_HOOK_SECRET is empty", hint="openssl rand -hex 32 makes a secret")
    if settings.spec_repo is None:
        hint = "export OPENDATA_SPEC_REPO=path or URL of the repository that is watched"
        return "hook secret", "bad", "set, and no spec repository to look at", hint
    return "hook secret", "good", f"set; runs are asked for at {settings.dagster_url}", None


def _alerts(settings: Settings) -> Line:
    from dataplatform.adapters.notifiers.addresses import read_addresses

    count = len(read_addresses(settings.environ["OPENDATA_ALERTS"]))
    return "alerts", "good", f"{counted(count, 'name')} with an address", None
