"""Plan, compute, write in batches, read back: from warmers to outcomes."""

from __future__ import annotations

from .run import Engine, RunOptions

__all__ = ["Engine", "RunOptions"]
