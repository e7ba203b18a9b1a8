"""``make bench``: every benchmark in turn, each in its own process. One alone: ``python -m benchmarks.NAME``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run them; the number of those that failed."""
    failed = 0
    for name in sorted(path.stem for path in HERE.glob("*.py") if "def main(" in path.read_text()):
        if name != "__main__":
            print(f"\n== benchmarks.{name}", flush=True)
            failed += bool(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
