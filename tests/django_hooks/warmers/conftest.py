from __future__ import annotations

import pytest

from django_hooks.warmers import registry


@pytest.fixture
def own_registry(monkeypatch):
    """The project's registry, empty, with nothing to discover."""
    registry.discover()  # Or a module that is imported for the first time within the test would register here.
    monkeypatch.setattr(registry, "_warmers", {})
    monkeypatch.setattr(registry, "broken", {})
    monkeypatch.setattr(registry, "_is_discovered", True)
    return registry
