"""Generate the data index of a bundle, as the linkage of the two repositories calls it (S0-14).

    python scripts/generate_data_index.py bundle_spec.yaml

It is `od bundle index` and nothing else: the same options, the same exit codes.
"""

from __future__ import annotations

import sys

from opendata.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["bundle", "index"]
    main()
