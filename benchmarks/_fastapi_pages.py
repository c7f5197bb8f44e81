"""Peers of the service: FastAPI with a response model, in the peers' own environment.

`python _fastapi_pages.py FOLDER model|arrow` prints its port as its first line. `model` answers
from rows that are Python dicts already, the best case of a response model; `arrow` makes the dicts
of each page from Arrow, as a service over an index has to. Neither asks for a token or writes a
log.
"""

import socket
import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import uvicorn
from fastapi import FastAPI  # type: ignore[import-not-found]
from pydantic import BaseModel

PAGE = 1_000


class FileRow(BaseModel):
    """One file, as our own answer has it."""

    file_id: str
    relative_path: str
    timestamp: datetime
    size_bytes: int
    checksum: str
    metadata: dict[str, object]


class FilePage(BaseModel):
    """One page, as our own answer is."""

    bundle_name: str
    bundle_version: str
    revision: int
    lock_sha256: str
    channel: str
    files: list[FileRow]
    next_cursor: str | None


def make_app(folder: Path, source: str) -> FastAPI:
    """One endpoint that answers pages by number."""
    import json

    with pa.OSFile(str(folder / "rows.arrow")) as file:
        table = pa.ipc.open_stream(file).read_all()
    pages = range(table.num_rows // PAGE)

    def rows_of(number: int) -> list[dict[str, object]]:
        rows = table.slice(number * PAGE, PAGE).to_pylist()
        return [{**row, "metadata": json.loads(row["metadata"])} for row in rows]

    ready = [rows_of(number) for number in pages] if source == "model" else []
    app = FastAPI()

    @app.get("/files", response_model=FilePage)  # type: ignore[untyped-decorator]
    def files(page: int = 0) -> dict[str, object]:
        number = page % len(pages)
        return {
            "bundle_name": "bench",
            "bundle_version": "v1.0.0",
            "revision": 1,
            "lock_sha256": "0" * 64,
            "channel": "images",
            "files": ready[number] if ready else rows_of(number),
            "next_cursor": None,
        }

    return app


def main(folder: Path, source: str) -> None:
    """Serve until the end of the process that asked for it."""
    # Its rows are made before anybody asks: what that takes is no cost of a request.
    config = uvicorn.Config(make_app(folder, source), access_log=False, log_level="warning")
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
