"""JSON lines between main.py's process and the platform, on a descriptor of their own.

Here belongs the wire alone: one message out, or one question and its answer. What the messages
mean stands with those who send them.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

Message = dict[str, Any]
_READ_BYTES = 65536


class Channel:
    """Safe for threads; refuses to ask in a forked copy of the process, which would mix answers."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._owner = os.getpid()
        self._writing = threading.Lock()
        self._asking = threading.Lock()
        self._unread = b""

    @property
    def is_ours(self) -> bool:
        """Whether this process is the one that the platform started."""
        return os.getpid() == self._owner

    def send(self, message: Message, *, patience_seconds: float = -1) -> bool:
        """Send one message; False if another thread kept the wire busy for too long."""
        line = json.dumps(message, default=str).encode() + b"\n"
        if not self._writing.acquire(timeout=patience_seconds):
            return False
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._descriptor, view) :]
        finally:
            self._writing.release()
        return True

    def ask(self, message: Message) -> Message:
        """Send a question and wait for its answer."""
        if not self.is_ours:
            raise RuntimeError("context can be used in the process that called produce, not a fork")
        with self._asking:
            self.send(message)
            while b"\n" not in self._unread:
                part = os.read(self._descriptor, _READ_BYTES)
                if not part:
                    raise ConnectionError("the platform that started this run is gone")
                self._unread += part
            line, _, self._unread = self._unread.partition(b"\n")
        answer: Message = json.loads(line)
        return answer
