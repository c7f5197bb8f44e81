"""`od serve`: bundles over HTTP, and the tokens that open them.

Here belong the words; the service is `dataplatform.api`'s.
"""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    from dataplatform.api.tokens import Token
    from dataplatform.settings import Settings

PORT: Final = 8000
TOKENS_FILE: Final = "tokens.json"
_PATH = click.Path(dir_okay=False, path_type=Path)
_tokens_option = click.option(
    "--tokens", "tokens_path", type=_PATH,
    help="The file of tokens; default: OPENDATA_API_TOKENS.",
)  # fmt: skip


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True,
    help="Port to listen on; 0 takes any that is free.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Processes that answer.",
)  # fmt: skip
@_tokens_option
@click.pass_context
@with_output
def serve(
    out: Output,
    ctx: click.Context,
    host: str,
    port: int,
    workers: int,
    tokens_path: Path | None,
) -> None:
    """Serve the store's bundles: files by time as pages and streams, and addresses to download at.

    \b
    od serve                                    (on this machine alone, without tokens)
    od serve token add laptop
    OPENDATA_API_TOKENS=file:.opendata/tokens.json od serve --host 0.0.0.0

    Stops on SIGTERM and Ctrl-C, once the answers under way have ended.
    """
    if ctx.invoked_subcommand is not None:
        return
    from dataplatform.api.server import listen
    from dataplatform.api.server import serve as run_server
    from dataplatform.api.service import open_service
    from dataplatform.cli.place import find_settings, require_store

    if tokens_path is not None:  # worker processes read their environment
        os.environ["OPENDATA_API_TOKENS"] = f"file:{tokens_path.expanduser().absolute()}"
    settings = find_settings()
    app = open_service(settings)
    require_store(_store_of(settings))
    has_tokens = bool(settings.environ.get("OPENDATA_API_TOKENS"))
    with listen(host, port, has_tokens=has_tokens) as listening:
        address = _address(listening.getsockname())
        _say_where(out, address, settings, has_tokens=has_tokens)
        run_server(app if workers == 1 else None, listening, workers=workers)
    out.note("stopped")


def _say_where(out: Output, address: str, settings: Settings, *, has_tokens: bool) -> None:
    show = f"{address}/api/v1/bundles"
    auth = '-H "Authorization: Bearer $OPENDATA_API_KEY" ' if has_tokens else ""

    def human() -> None:
        out.good(f"serving {settings.store_url} at {address}")
        out.line(f"curl {auth}{shlex.quote(show)}")
        out.note(f"{address}/openapi.json describes it; the access log goes to standard error")
        if not has_tokens:
            out.note("without tokens it answers on this machine alone; od serve token add NAME")

    told = {"address": address, "store": settings.store_url, "tokens": has_tokens}
    out.result(told, human, [address])


def _address(name: Any) -> str:
    host, port = name[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _store_of(settings: Settings) -> Any:
    from opendata.stores import open_reader

    return open_reader(settings.store_url, environ=settings.environ)


# --- tokens --------------------------------------------------------------------------


@serve.group()
def token() -> None:
    """Tokens: who may read, and which bundles."""


@token.command("add")
@click.argument("name")
@click.option(
    "--bundle", "bundles", multiple=True, metavar="GLOB",
    help="Bundles that it opens, by name; may be given again. All by default.",
)  # fmt: skip
@click.option("--expires", metavar="DURATION", help="When it ends: 90d, 12h. Never by default.")
@_tokens_option
@with_output
def add(
    out: Output,
    name: str,
    bundles: tuple[str, ...],
    expires: str | None,
    tokens_path: Path | None,
) -> None:
    """Make a token and show it: once, since only its digest is kept.

    \b
    od serve token add training --bundle "foundational_*" --expires 90d
    """
    from dataplatform.api.token_file import change_tokens
    from dataplatform.api.tokens import TokenList, add_token

    path = _path(tokens_path, make=True)
    now = datetime.now(UTC)
    ends = now + _duration(expires) if expires else None
    made: list[str] = []

    def change(listed: TokenList) -> TokenList:
        changed, secret = add_token(listed, name, now=now, bundles=bundles, expires_at=ends)
        made.append(secret)
        return changed

    added = change_tokens(path, change).tokens[-1]

    def show() -> None:
        out.good(f"{name} opens {', '.join(added.bundles)}; the token is shown this once:")
        out.line(made[0])
        out.note(f"readers: export OPENDATA_API_KEY=…   server: OPENDATA_API_TOKENS=file:{path}")

    told = {"name": name, "token": made[0], "file": str(path), "bundles": added.bundles}
    out.result({**told, "expires_at": added.expires_at}, show, made)


@token.command("list")
@_tokens_option
@with_output
def list_tokens(out: Output, tokens_path: Path | None) -> None:
    """Show the tokens: names, what they open, and when they end."""
    from dataplatform.api.token_file import read_tokens

    path = _path(tokens_path)
    now = datetime.now(UTC)
    tokens = read_tokens(path).tokens

    def show() -> None:
        out.table(
            ["name", "state", "opens", "made", "ends"],
            [
                [one.name, _state(one, now), ", ".join(one.bundles), one.created_at, one.expires_at]
                for one in tokens
            ],
        )

    told = [
        {**one.to_json(), "sha256": f"{one.sha256[:12]}…", "state": _state(one, now)}
        for one in tokens
    ]
    out.result({"file": str(path), "tokens": told}, show, [one.name for one in tokens])


def _state(one: Token, now: datetime) -> str:
    return "ended" if one.is_expired(now) else "good"


@token.command("revoke")
@click.argument("name")
@_tokens_option
@with_output
def revoke(out: Output, name: str, tokens_path: Path | None) -> None:
    """End a token; a running service notices within a second."""
    from dataplatform.api.token_file import change_tokens
    from dataplatform.api.tokens import revoke_token

    path = _path(tokens_path)
    change_tokens(path, lambda listed: revoke_token(listed, name))
    told = {"name": name, "file": str(path)}
    out.result(told, lambda: out.line(f"✓ {name} opens nothing any more", fg="green"), [name])


def _path(given: Path | None, *, make: bool = False) -> Path:
    """The file of tokens that is meant; where none is, `make` takes the one beside the store."""
    from dataplatform.api.token_file import token_path
    from dataplatform.cli.place import find_settings
    from dataplatform.settings import LOCAL_FOLDER

    if given is not None:
        return given.expanduser().absolute()
    settings = find_settings()
    reference = settings.environ.get("OPENDATA_API_TOKENS")
    if reference:
        return token_path(reference).absolute()
    beside = settings.root / LOCAL_FOLDER / TOKENS_FILE
    if make or beside.exists():
        return beside
    raise InvalidInput(
        "no file of tokens is named",
        hint="export OPENDATA_API_TOKENS=file:PATH, or give --tokens PATH",
    )


def _duration(text: str) -> Any:
    from dataplatform.contracts.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"--expires: {error}") from error
