"""What customers find on their pages; rows and price lists register themselves."""

from __future__ import annotations

from . import pricing, rows

__all__ = ["pricing", "rows"]
