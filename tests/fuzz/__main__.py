"""``make fuzz``: all targets, one after the other, for ten minutes altogether; ``--seconds`` for another time.

Inputs that failed are kept by hypothesis in ``.hypothesis`` and tried first the next time.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import django
from hypothesis import HealthCheck, Phase, given, seed, settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
django.setup()

from .running import fed  # noqa: E402 - after Django
from .targets import TARGETS, Fed  # noqa: E402 - after Django

ROUND = 100


def main() -> int:
    """Print a line a target; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--only", choices=TARGETS)
    options = parser.parse_args()
    chosen = {name: target for name, target in TARGETS.items() if options.only in (None, name)}
    results = [fuzz(name, target, options.seconds / len(chosen)) for name, target in chosen.items()]
    return 0 if all(results) else 1


def fuzz(name: str, target: Fed, seconds: float) -> bool:
    """Rounds of new inputs until the time is over, or one fails."""
    started_s, examples, number = time.monotonic(), 0, time.time_ns()

    def feed(value: object) -> None:
        nonlocal examples
        examples += 1
        fed(target, value)

    while time.monotonic() - started_s < seconds:
        number += 1
        phases = [phase for phase in Phase if phase is not Phase.explain]
        configured = settings(max_examples=ROUND, deadline=None, suppress_health_check=list(HealthCheck), phases=phases)
        try:
            seed(number)(configured(given(target.inputs)(feed)))()
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            print(f"{name:<16} FAILED after {examples} inputs: {error!r}")
            sys.excepthook(type(error), error, error.__traceback__)
            return False
    print(f"{name:<16} {examples} inputs in {time.monotonic() - started_s:.0f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
