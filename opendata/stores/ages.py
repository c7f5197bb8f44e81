"""How old an object is, by this machine's clock: for whoever only needs to know it roughly.

What removes objects asks the store's own clock (`releases/store_clock.py` of the platform). This is
for writers: an object that has lain for long may be about to be removed by a collection that has
found nobody who needs it, so whoever comes to need it writes it again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from opendata.stores.port import ObjectStat

REFRESH_AFTER: Final = timedelta(hours=12)
"""Half of the youngest age at which objects are removed: as much may clocks differ."""


def is_due_for_refresh(stat: ObjectStat) -> bool:
    """Whether an object is too old to be relied upon by somebody who has not named it yet."""
    if stat.modified_at is None:
        return True
    return datetime.now(UTC) - stat.modified_at > REFRESH_AFTER
