"""The platform's side of the wire to main.py: answers its questions, keeps what it reports.

Here belongs the protocol: which messages there are and what each is answered with. Fetching and
release files are done by what is passed in.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from dataplatform.adapters.runner.run_log import RunLog

Message = Mapping[str, Any]
_READ_BYTES = 65536
_MESSAGE_MAX_BYTES = 4 * 1024 * 1024
_LEVELS = frozenset({"debug", "info", "warning", "error"})


class Conversation(threading.Thread):
    """Serves one process until it closes its end."""

    def __init__(
        self,
        connection: socket.socket,
        log: RunLog,
        *,
        fetch: Callable[[Message], Message],
        files: Callable[[Message], Message],
    ) -> None:
        super().__init__(name="producer-conversation", daemon=True)
        self._connection = connection
        self._log = log
        self._questions = {"fetch": fetch, "files": files}
        self.reports: dict[str, Message] = {}
        self.is_garbled = False
        self.error: BaseException | None = None

    def run(self) -> None:
        """Read lines until the end; what is no message is noted and skipped."""
        unread = b""
        try:
            while part := self._connection.recv(_READ_BYTES):
                *lines, unread = (unread + part).split(b"\n")
                for line in lines:
                    self._take(line)
                if len(unread) > _MESSAGE_MAX_BYTES:
                    unread, self.is_garbled = b"", True
        except OSError:
            return  # the process is gone, or the run was closed; its end says why
        except BaseException as error:  # noqa: BLE001 - raised again by the run
            self.error = error
            self._connection.shutdown(
                socket.SHUT_RDWR
            )  # main.py must not wait for an answer that never comes

    def _take(self, line: bytes) -> None:
        message = _parsed(line)
        kind = message.get("type")
        if kind == "log":
            self._log.say(_level(message), str(message.get("text", "")))
        elif kind in ("done", "failure", "stopped"):
            self.reports[kind] = message
        elif kind in self._questions:
            answer = self._questions[kind](message)
            self._connection.sendall(json.dumps(answer).encode() + b"\n")
        else:
            self.is_garbled = True


def _parsed(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _level(message: Message) -> str:
    level = message.get("level")
    return level if level in _LEVELS else "info"
