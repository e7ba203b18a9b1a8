"""What a trace says beside its keys, read with care: another release, or somebody else, may have written it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from url_manifests.traces import KeyKind, Trace


def ttl_s(trace: Trace, kind: KeyKind) -> float | None:
    """The least time that the application gives to what this request wrote; ``None`` for ever, or nothing."""
    found = trace.extra.get("page_ttl_s" if kind is KeyKind.PAGE else "ttl_s")
    return float(found) if isinstance(found, int | float) and found >= 0 else None


def fill(trace: Trace, alias: str) -> float:
    """How full a store is that throws entries away when it is full; 0 when it is not near to that."""
    found = _mapping(trace, "fill").get(alias, 0.0)
    return float(found) if isinstance(found, int | float) else 0.0


def key_print(trace: Trace, alias: str) -> str:
    """Stands for how the alias made its keys in this request; empty when the site does not say."""
    return str(_mapping(trace, "made").get(alias, ""))[:32]


def counts(trace: Trace, name: str) -> dict[str, int]:
    """Counts by name, such as ``writes`` by table."""
    found = _mapping(trace, name).items()
    return {str(key)[:100]: count for key, count in found if isinstance(count, int) and count > 0}


def has_visitors(trace: Trace) -> bool:
    """Whether visitors were at the site within the last seconds."""
    return bool(counts(trace, "load").get("visitors"))


def names(trace: Trace, name: str) -> list[str]:
    """Names that the site lists, such as the headers under ``vary``."""
    found = trace.extra.get(name)
    return [text[:100] for text in found if isinstance(text, str)] if isinstance(found, list) else []


def entries(trace: Trace, name: str) -> Iterator[str]:
    """Cache entries that the site names, as ``alias:key of role``."""
    found = trace.extra.get(name)
    for row in found if isinstance(found, list) else ():
        if isinstance(row, dict):
            yield f"{row.get('alias')}:{row.get('key')} of {row.get('persona')}"[:200]


def _mapping(trace: Trace, name: str) -> Mapping[str, Any]:
    found = trace.extra.get(name)
    return found if isinstance(found, dict) else {}
