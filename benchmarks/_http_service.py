"""The service of this project as a process: `python -m benchmarks._http_service FOLDER KEPT_BYTES`.

It is what `od serve` runs, with a token and an access log, but for how much of its pages it keeps.
Prints its port as its first line.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from dataplatform.api.app import ServiceOptions, create_app
from dataplatform.api.server import listen, serve
from dataplatform.api.token_file import WatchedTokens
from dataplatform.bundle_wiring import bundle_ports
from dataplatform.settings import read_settings
from opendata.reading.cache import Cache


def main(folder: Path, kept_bytes: int) -> None:
    """Serve until the end of the process that asked for it."""
    environ = {"OPENDATA_STORAGE": str(folder / "store")}
    platform = SimpleNamespace(bundles=bundle_ports(read_settings(environ, folder)))
    with (folder / "access.log").open("w", encoding="utf-8") as log:
        options = ServiceOptions(
            version=f"{datetime.now(UTC):%Y}",
            tokens=WatchedTokens(folder / "tokens.json"),
            cache=Cache(None),
            log=log,
            kept_bytes=kept_bytes,
        )
        with listen("127.0.0.1", 0, has_tokens=True) as listening:
            print(listening.getsockname()[1], flush=True)
            serve(create_app(platform, options), listening)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
