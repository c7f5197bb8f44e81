"""An interpreter that ends waits for what Arrow's threads still hold of it."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa

from opendata.reading.lent import lent_buffer

HELD = """
import threading, time
from opendata.reading.lent import lend

class Thing:
    pass

def hold(thing):
    time.sleep(0.3)
    print("given back", flush=True)

threading.Thread(target=hold, args=(lend(Thing()),), daemon=True).start()
"""


def test_the_end_waits_for_what_is_lent() -> None:
    ended = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "given back\n", "")


def test_lent_bytes_are_the_bytes() -> None:
    for data in (b"", b"some bytes"):
        assert pa.BufferReader(lent_buffer(memoryview(data))).read() == data
