"""Which engine indexes a channel: told before anything starts, and never changed on the way (B45).

Here belongs the choice alone. That an engine cannot run here is its own to say, when it is asked:
a channel that was to be indexed on Spark is then not indexed, rather than somewhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplatform.channels.ports import ChannelPorts, IndexEngine
from dataplatform.channels.spec import EngineName
from opendata.wire.errors import InvalidInput
from opendata.wire.words import counted


@dataclass(frozen=True)
class EngineChoice:
    """The engine's name, and why it is that one, in words for a plan."""

    engine: str
    reason: str


def choose_engine(asked: EngineName, to_read: int, spark_files: int | None) -> EngineChoice:
    """The engine for a channel of which `to_read` files have to be read.

    Args:
        asked: `engine` of the channel's spec.
        spark_files: From how many files on it is Spark; None: never by number.
    """
    if asked != "auto":
        return EngineChoice(asked, f"the spec says `engine: {asked}`")
    if spark_files is not None and to_read >= spark_files:
        many = counted(to_read, "file")
        return EngineChoice("spark", f"{many} to read; from {spark_files:,} on it is Spark")
    return EngineChoice("local", f"{counted(to_read, 'file')} to read")


def engine_for(ports: ChannelPorts, asked: EngineName, to_read: int) -> IndexEngine:
    """The engine that is chosen for so many files.

    Raises:
        InvalidInput: if this installation has none of that name.
    """
    choice = choose_engine(asked, to_read, ports.spark_files)
    engine = ports.engines.get(choice.engine)
    if engine is None:
        raise InvalidInput(
            f"there is no engine {choice.engine!r} here ({choice.reason})",
            code="no_engine",
            hint=f"engines here: {', '.join(sorted(ports.engines)) or 'none'}",
        )
    return engine
