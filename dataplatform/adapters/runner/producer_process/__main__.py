"""Entry: splits into a guardian and the worker that runs main.py.

Started as `python <this folder> <job file> <lifeline descriptor> <grace seconds>`. Nothing else
belongs here.
"""

from __future__ import annotations

import importlib
import os
import sys


def main() -> None:
    """Become two processes; neither returns."""
    if sys.version_info < (3, 11):  # noqa: UP036 - main.py may ask for any interpreter
        sys.exit("a producer needs Python 3.11 or newer: change requires-python in main.py")
    job_path, lifeline, grace_seconds = sys.argv[1:4]
    # Found by name only while it is imported: main.py's own modules may be called anything.
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[0] = place
    supervise = importlib.import_module("producer_process.supervise")
    work = importlib.import_module("producer_process.work")
    sys.path.remove(place)
    worker = supervise.fork_worker()
    if worker:
        supervise.supervise(worker, int(lifeline), float(grace_seconds))
    os.close(int(lifeline))
    work.run_job(job_path)


if __name__ == "__main__":
    main()
