"""Plan, compute, write in batches, read back: from warmers to outcomes."""

from __future__ import annotations

from .batch import BatchResult
from .options import RunOptions
from .run import Engine

__all__ = ["BatchResult", "Engine", "RunOptions"]
