"""The program that is timed as a whole: index a folder as a channel, as `od bundle index` does.

Run as `python -m benchmarks._index_folder FOLDER`, with the store in OPENDATA_STORAGE.
"""

from __future__ import annotations

import sys

from dataplatform.bundle_wiring import channel_ports
from dataplatform.channels.build import index_channel
from dataplatform.channels.spec import ChannelSpec
from dataplatform.settings import read_settings
from opendata.stores import open_store


def main(folder: str) -> None:
    """Index it, and say what was done."""
    settings = read_settings()
    ports = channel_ports(settings, open_store(settings.store_url, environ=settings.environ))
    spec = ChannelSpec.model_validate(
        {"channel": "images", "version": "1.0.0", "storage_path": folder}
    )
    done = index_channel(ports, spec)
    print(done.described, done.index.total_files)


if __name__ == "__main__":
    main(sys.argv[1])
