"""Database content in two languages: English in ``field``, German in ``field_de``."""

from __future__ import annotations

from django.utils.translation import get_language


def in_language(record: object, field: str) -> str:
    """Return ``field`` of ``record`` in the active language, or in English where there is no translation."""
    if get_language() == "de" and (german := getattr(record, f"{field}_de")):
        return str(german)
    return str(getattr(record, field))
