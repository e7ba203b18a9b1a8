"""``python -m url_manifests``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Processes that count import this module too, but need nothing of the command line.
    from .cli import main

    sys.exit(main())
