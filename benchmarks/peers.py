"""Peers that need other versions than the lock's: an environment of their own, made when asked for.

Here belongs making it, from hashes, and running a script of this folder in it. Which peers these
are stands in `requirements/peers.in`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_LOCK = _HERE.parent / "requirements" / "peers.txt"
_UV = Path(sys.executable).with_name("uv")


def make_peers(folder: Path) -> None:
    """Install the peers under `folder`; kept if they are there."""
    environment = _environment(folder)
    if (environment / "complete").exists():
        return
    _uv("venv", "--clear", "--python", sys.executable, str(environment))
    _uv("pip", "install", "--python", str(environment), "--require-hashes", "-r", str(_LOCK))
    (environment / "complete").touch()


def ask_peer(folder: Path, script: str, *arguments: str) -> dict[str, Any]:
    """What a script of this folder printed as its last line, run with the peers' versions."""
    command = [str(peers_python(folder)), str(_HERE / script), *arguments]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def peers_python(folder: Path) -> Path:
    """The peers' interpreter, for those that run as long as they are asked."""
    return _environment(folder) / "bin" / "python"


def _environment(folder: Path) -> Path:
    return folder / "peers"


def _uv(*words: str) -> None:
    environ = {**os.environ, "UV_SYSTEM_CERTS": "1", "UV_NO_PROGRESS": "1"}
    subprocess.run([str(_UV), "--quiet", *words], env=environ, check=True)
