"""A publisher on a disk that runs full: run as a script on a file system of its own.

Called with the folder of the store. It fills the disk so that fewer and fewer bytes are left,
publishes each time, and prints what came of it as one JSON line per attempt.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dataplatform_tests.faults.aftermath import check_repair_and_go_on, check_whole
from dataplatform_tests.faults.killing import Place, publish_value
from opendata.wire.errors import OpenDataError

STEP_BYTES = 8_192


def main(disk: str, scratch: str) -> None:
    place = Place(str(Path(disk) / "store"), scratch)
    publish_value(place, place.open(), 1)
    value, room = 2, 0
    while True:
        before = len(place.acknowledged)
        outcome = publish_with(place, value, room, Path(disk))
        seen = check_whole(place)
        acknowledged = len(place.acknowledged) > before
        assert seen == value if acknowledged else seen < value
        sys.stdout.write(json.dumps({"room": room, **outcome}) + "\n")
        value += 1
        if outcome["error"] is None:
            check_repair_and_go_on(place, value)
            return
        room += STEP_BYTES


def publish_with(place: Place, value: int, room: int, disk: Path) -> dict[str, object]:
    """Publish with about so many free bytes; afterwards there is room again."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(b"\0" * max(free - room, 0))
    try:
        publish_value(place, place.open(), value)
        return {"error": None}
    except OpenDataError as error:
        return {"error": error.code, "message": error.message, "hint": error.hint}
    finally:
        ballast.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
