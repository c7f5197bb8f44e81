"""The guardian of one producer: whatever main.py starts, nothing of it outlives the run.

It shares no work with main.py. It waits for the worker to end or for the lifeline to the platform
to break (the platform asks for a stop, or is gone), and then ends every descendant, however far it
has moved away: orphans fall to the nearest reaper, and that is this process.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import time
from typing import NoReturn

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_REAPER = 36
_LAST_WORDS_SECONDS = 10.0
_KEPT = frozenset({0, 1, 2})


class _Stop(Exception):
    """Somebody asked the guardian itself to end."""


def fork_worker() -> int:
    """Split off the worker: returns 0 in it, its process id in the guardian."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the secrets
    _prctl(_SET_CHILD_REAPER, 1)
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    guardian = os.getpid()
    worker = os.fork()
    if worker:
        return worker
    os.setpgid(0, 0)  # what main.py does to its own group does not reach the guardian
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != guardian:
        os._exit(1)
    return 0


def supervise(worker: int, lifeline: int, grace_seconds: float) -> NoReturn:
    """Wait, clean up, tell the platform how the worker ended, and exit."""
    _close_all_but(lifeline)
    _tell(lifeline, worker=worker)
    ended = os.pidfd_open(worker)
    try:
        signal.signal(signal.SIGTERM, _raise_stop)
        ready = select.select([ended, lifeline], [], [])[0]
    except _Stop:
        ready = []
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if ended not in ready:
        _ask_to_end(worker, ended, grace_seconds)
    _tell(lifeline, status=_end_all(worker))
    os._exit(0)


def _tell(lifeline: int, **words: int | None) -> None:
    try:
        os.write(lifeline, json.dumps(words).encode() + b"\n")
    except OSError:
        return  # the platform is gone; nobody is left to tell


def _ask_to_end(worker: int, ended: int, grace_seconds: float) -> None:
    try:
        os.killpg(worker, signal.SIGTERM)
    except OSError:
        return  # it has ended by itself, or never got its group: killed next
    select.select([ended], [], [], grace_seconds)


def _end_all(worker: int) -> int | None:
    """Kill and reap every descendant; returns the worker's wait status."""
    status = None
    deadline = time.monotonic() + _LAST_WORDS_SECONDS
    while time.monotonic() < deadline:
        try:
            reaped, its_status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if reaped == worker:
            status = its_status
        elif not reaped:
            _kill_children()
            time.sleep(0.005)
    return status


def _kill_children() -> None:
    """One generation; the next one falls to us when its parent is gone."""
    own = os.getpid()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _parent_of(entry) == own:
            try:
                os.kill(int(entry), signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was faster


def _parent_of(process: str) -> int | None:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None


def _close_all_but(lifeline: int) -> None:
    """Leave the pipes to the worker, so that their other ends see it close them."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor not in _KEPT and descriptor != lifeline:
            try:
                os.close(descriptor)
            except OSError:
                continue  # the listing's own descriptor
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in _KEPT:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _raise_stop(signum: int, frame: object) -> NoReturn:
    raise _Stop


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
