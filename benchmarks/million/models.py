"""The table."""

from __future__ import annotations

from django.db import models


class Row(models.Model):
    """1 KB of text that no compressor would shrink."""

    text = models.CharField(max_length=1024)

    def __str__(self) -> str:
        return self.text[:20]
