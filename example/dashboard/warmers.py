"""The dashboard's figures, computed before the first colleague opens it: they register themselves."""

from __future__ import annotations

from . import metrics

__all__ = ["metrics"]
