"""The short run of `make fuzz`: nothing that others wrote crashes or holds up who reads it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from .running import fed
from .targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_it_neither_crashes_nor_hangs(name):
    target = TARGETS[name]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(target.inputs)
    def feed(value):
        fed(target, value)

    feed()
