"""What holds where nobody has set anything: the numbers that settings and verbs share.

Here belong numbers alone. They stand apart from the verbs that use them, so that reading the
settings does not load what builds releases.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

DEFAULT_PREVIEW_ROWS: Final = 100
"""So many rows a preview has."""
DEFAULT_TTL: Final = timedelta(days=30)
"""So long candidates stay that were never frozen."""
TTL_MIN: Final = timedelta(days=1)
"""No retention is shorter: what was just built must not go."""
