"""The Spark session that indexing runs in: what it needs to be there, and how it is set.

Only what works with Spark Connect too is used of it: data frames, never contexts. Further settings
come from `spark-defaults.conf` in `SPARK_CONF_DIR`, as anywhere with Spark, and from whoever
launches it; those win over what stands here.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from opendata.wire.errors import Unavailable

CONNECT: Final = "sc://"
_PORTS: Final = {"sc": 15002, "spark": 7077}
_REACH_SECONDS: Final = 10.0
DEFAULT_MASTER: Final = "local[*]"
_JAVA_MIN: Final = 17
_SETTINGS: Final = {
    "spark.app.name": "opendata channel index",
    "spark.sql.session.timeZone": "UTC",
}
# Of a cluster's own; a Connect server has its own values of them.
_DRIVER: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # A worker that loads its libraries on a busy machine takes longer than the default of 15 s.
    "spark.python.authenticate.socketTimeout": "180s",
    "spark.sql.shuffle.partitions": "2",
}
_LOOPBACK: Final = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
}


def require_spark(master: str) -> None:
    """See that Spark can be started from this process.

    Raises:
        Unavailable: saying what to install.
    """
    if find_spec("pyspark") is None:
        raise Unavailable(
            f"indexing on Spark needs pyspark, which {sys.executable} does not have",
            code="no_spark",
            hint="install opendata with its extra: opendata[platform,spark]; or let "
            "OPENDATA_SPARK_PYTHON name an interpreter that has it",
        )
    if not master.startswith(CONNECT) and _java() is None:
        raise Unavailable(
            f"indexing on Spark needs Java {_JAVA_MIN} or later, and there is none",
            code="no_java",
            hint=f"install a Java runtime ({_JAVA_MIN} or later), or set JAVA_HOME; "
            "OPENDATA_SPARK_MASTER=sc://host needs none here",
        )


def open_session(master: str, config: Mapping[str, str]) -> Any:
    """The session, started now.

    Raises:
        Unavailable: if it cannot be had, with Spark's own reason.
    """
    require_spark(master)
    _require_reachable(master)
    os.environ["PYSPARK_PYTHON"] = os.environ.get("PYSPARK_PYTHON") or sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    builder = builder.remote(master) if master.startswith(CONNECT) else builder.master(master)
    for name, value in settings_for(master, config).items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError, ValueError) as error:
        raise _not_started(master, _first_line(error)) from error
    except Exception as error:
        if type(error).__module__.startswith("py4j"):  # what Java itself says
            raise _not_started(master, _first_line(error)) from error
        raise


def _first_line(error: Exception) -> str:
    """What Spark says went wrong, without Java's stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "Exception: " in line), lines[0] if lines else "")
    return told.removeprefix(": ")[:300] or type(error).__name__


def settings_for(master: str, config: Mapping[str, str]) -> dict[str, str]:
    """The session's settings at a master; `config` wins over what is set here."""
    settings = dict(_SETTINGS)
    if not master.startswith(CONNECT):
        settings |= _DRIVER
    if master.startswith("local"):
        settings |= _LOOPBACK
    return settings | dict(config)


def _require_reachable(master: str) -> None:
    """See that somebody listens at a master's address: Spark itself would ask for ten minutes.

    Raises:
        Unavailable: if nobody does at any of its addresses.
    """
    scheme, separator, rest = master.partition("://")
    if not separator or scheme not in _PORTS:
        return
    problem = "it names no host"
    for address in rest.partition("/")[0].split(","):  # spark:// may name several masters
        host, _, port = address.partition(":")
        try:
            with socket.create_connection((host, int(port or _PORTS[scheme])), _REACH_SECONDS):
                return
        except (OSError, ValueError, OverflowError) as error:
            problem = str(error)
    raise _not_started(master, problem)


def _not_started(master: str, why: str) -> Unavailable:
    return Unavailable(
        f"Spark does not start at {master}: {why}",
        code="spark_start_failed",
        hint="OPENDATA_SPARK_MASTER says where Spark runs",
    )


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=os.path.join(home, "bin") if home else None)
