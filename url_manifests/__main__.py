"""``python -m url_manifests``."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":
    # Processes that count import this module too, but need nothing of the command line.
    from .cli import main

    # A build makes millions of small objects and no cycles worth looking for; looking takes a tenth of the time.
    gc.set_threshold(1_000_000)
    sys.exit(main())
