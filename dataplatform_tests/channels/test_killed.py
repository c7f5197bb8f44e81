"""An indexing that was killed in the middle goes on where it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataplatform.adapters.channel_files.opening import open_channel_files
from dataplatform.adapters.index_files.parquet import ParquetIndexWriter
from dataplatform.adapters.indexing.local import LocalEngine
from dataplatform.channels.build import index_channel
from dataplatform.channels.ports import ChannelPorts
from dataplatform.channels.spec import ChannelSpec
from opendata.stores import FolderStore
from opendata.wire import keys

FILES = 600

_INDEX_AND_HANG = """
import sys, time
from pathlib import Path
from dataplatform.channels import segments
from dataplatform.channels.build import index_channel
from dataplatform_tests.channels.test_killed import ports, spec

segments.EVERY_BYTES = 1
flush = segments.Segments.flush

def flush_and_hang(self):
    before = len(self.written)
    flush(self)
    if len(self.written) > before:
        print(len(self.written), flush=True)
    if len(self.written) == 2:
        time.sleep(600)

segments.Segments.flush = flush_and_hang
index_channel(ports(Path(sys.argv[1])), spec(Path(sys.argv[1])))
"""


def ports(folder: Path) -> ChannelPorts:
    """Real files, a real store."""
    return ChannelPorts(
        store=FolderStore(str(folder / "store")),
        open_files=lambda path: open_channel_files(path, {}, root=str(folder)),
        engines={"local": LocalEngine(root=str(folder), threads=1)},
        writer=ParquetIndexWriter(str(folder / "scratch")),
        now=lambda: datetime.now(UTC),
        environ={},
    )


def spec(folder: Path) -> ChannelSpec:
    """The channel."""
    return ChannelSpec.model_validate(
        {"channel": "c", "version": "1.0.0", "storage_path": str(folder / "lake")}
    )


@pytest.mark.platform
def test_a_killed_indexing_goes_on_where_it_was(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    for at in range(FILES):
        (lake / f"f{at:05d}.bin").write_bytes(b"%d" % at)
    command = [sys.executable, "-c", _INDEX_AND_HANG, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(2)] == [b"1\n", b"2\n"]
        child.send_signal(signal.SIGKILL)
    there = ports(tmp_path)
    prefix = keys.channel_progress_prefix("c", spec(tmp_path).version)
    assert len(list(there.store.list(prefix))) == 2
    assert there.store.stat(keys.channel_pointer_key("c", spec(tmp_path).version)) is None
    done = index_channel(there, spec(tmp_path))
    assert done.index.total_files == FILES
    assert 0 < done.described < FILES
    assert done.reused == FILES - done.described
    assert list(there.store.list(prefix)) == []
    again = index_channel(there, spec(tmp_path), force=True)
    assert (again.described, again.changed) == (FILES, False)
