"""The Spark session that indexing runs in: what it needs to be there, and how it is set.

Only what works with Spark Connect too is used of it: data frames, never contexts. Further settings
come from `spark-defaults.conf` in `SPARK_CONF_DIR`, as anywhere with Spark, and from whoever
launches it; those win over what stands here.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from opendata.wire.errors import Unavailable

CONNECT: Final = "sc://"
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
        raise Unavailable(
            f"Spark does not start at {master}: {str(error).strip().splitlines()[0][:300]}",
            code="spark_start_failed",
            hint="OPENDATA_SPARK_MASTER says where Spark runs; its log says more",
        ) from error


def settings_for(master: str, config: Mapping[str, str]) -> dict[str, str]:
    """The session's settings at a master; `config` wins over what is set here."""
    settings = dict(_SETTINGS)
    if not master.startswith(CONNECT):
        settings |= _DRIVER
    if master.startswith("local"):
        settings |= _LOOPBACK
    return settings | dict(config)


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=os.path.join(home, "bin") if home else None)
