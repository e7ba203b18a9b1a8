#!/usr/bin/env python
"""Run a management command of the example, from any folder: ``python example/manage.py setup_example``."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Put the repository, not this folder, on the import path, then hand over to Django."""
    here = Path(__file__).resolve().parent
    # Python has put this folder first: "import settings" would then find a second copy of every module.
    sys.path[:] = [str(here.parent), *(entry for entry in sys.path if Path(entry or ".").resolve() != here)]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - only now is the path right

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
