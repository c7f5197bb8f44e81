"""What holds where nobody says otherwise: numbers that settings and verbs share.

A module of its own, because reading the settings must not load the engines that heed them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

DEFAULT_PREVIEW_ROWS: Final = 100
DEFAULT_TTL: Final = timedelta(days=30)
"""How long a candidate stays that was never frozen."""
TTL_MIN: Final = timedelta(days=1)
"""A run may be at work on a candidate that is younger."""
