"""One request target to the URL that is counted, or to the rule that keeps it out; once for each distinct target."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .harmless import PLAIN_PATH
from .rules import Rules
from .tracking import defeats_caches, tracking_test
from .urls import canonical, canonical_host, without_tracking

STATIC_ENDINGS: Final = frozenset(
    # Code, images, fonts, media, archives, documents: what a web server or a CDN serves without asking Django.
    [
        ".css",
        ".js",
        ".mjs",
        ".map",
        ".wasm",
        ".jpg",
        ".jpeg",
        ".png",
        ".gif",
        ".webp",
        ".avif",
        ".svg",
        ".svgz",
        ".ico",
        ".bmp",
        ".tif",
        ".tiff",
        ".heic",
        ".jxl",
        ".woff",
        ".woff2",
        ".ttf",
        ".otf",
        ".eot",
        ".mp3",
        ".mp4",
        ".m4a",
        ".m4v",
        ".webm",
        ".ogg",
        ".ogv",
        ".wav",
        ".flac",
        ".avi",
        ".mov",
        ".mkv",
        ".m3u8",
        ".ts",
        ".zip",
        ".gz",
        ".tgz",
        ".bz2",
        ".xz",
        ".zst",
        ".rar",
        ".7z",
        ".tar",
        ".exe",
        ".dmg",
        ".msi",
        ".deb",
        ".rpm",
        ".apk",
        ".iso",
        ".jar",
        ".dll",
        ".so",
        ".bin",
        ".pdf",
        ".doc",
        ".docx",
        ".xls",
        ".xlsx",
        ".ppt",
        ".pptx",
        ".odt",
        ".ods",
        ".epub",
        ".webmanifest",
        ".swf",
        ".bak",
        ".save",
    ]
)
_HEALTH: Final = re.compile(
    r"(?:.*/)?_?(?:health(?:[-_]?checks?)?|healthz|livez|readyz|liveness|readiness|_?heartbeat_*|_?lbheartbeat_*"
    r"|server-status|nginx_status|stub_status)(?:\.(?:txt|html|json|php))?/?"
    r"|/(?:ping|alive|_status|ht|metrics)/?",
    re.IGNORECASE,
)
_HEALTH_HINT: Final = re.compile(r"(?i)health|live|ready|readi|beat|status|/ping|/ht/?$|/metrics")
_STATIC_FOLDERS: Final = re.compile(r"/(?:static|assets|_next/static|build)/")
_PLUMBING: Final = re.compile(
    r"/(?:favicon\.ico|robots\.txt|apple-touch-icon[^/]*|\.well-known/.*|ads\.txt|humans\.txt|sw\.js)"
)


class Page(NamedTuple):
    """A URL that is counted."""

    host: str
    url: str
    unordered: str
    """The URL with its parameters sorted; empty when there is nothing to sort."""


class Classifier:
    """Applies canonical form, safety and the exclusions by path.

    Args:
        rules: the user's additions.
        default_host: for logs that do not tell the host.
    """

    def __init__(self, rules: Rules, default_host: str = "") -> None:
        self._rules = rules
        self._default_host = default_host
        self._is_tracking = tracking_test(rules.tracking_add, rules.tracking_keep)
        self._static = STATIC_ENDINGS | set(rules.static)
        self._has_own_paths = bool(rules.excluded or rules.safety.own)

    def shortened(self, target: bytes) -> bytes:
        """A target of the same page without what each visitor brings along; often the target itself."""
        return without_tracking(target, self._is_tracking) if b"?" in target else target

    def classify(self, raw_host: bytes, target: bytes) -> Page | str:
        """The page that a GET of this target asks for, or the name of the rule that excludes it."""
        raw_path, mark, _ = target.partition(b"?")
        is_plain = PLAIN_PATH.fullmatch(raw_path) is not None
        if is_plain and not mark and not self._has_own_paths:
            return Page(canonical_host(raw_host) or self._default_host, target.decode("ascii"), "")
        found = canonical(target, self._is_tracking)
        if found is None:
            return "odd-target"
        path, _, query = found.url.partition("?")
        if rule := self._excluded(path, query, found.url, is_plain=is_plain):
            return rule
        host = found.host or canonical_host(raw_host) or self._default_host
        url, unordered = found.url, found.unordered
        for policy in self._rules.parameters:
            if query and policy.route.match(path):
                kept = [item for item in query.split("&") if item.partition("=")[0] in policy.keep]
                url = path + (f"?{'&'.join(kept)}" if kept else "")
                unordered = f"{path}?{'&'.join(sorted(kept))}" if len(kept) > 1 else ""
        return Page(host, url, unordered)

    def _excluded(self, path: str, query: str, url: str, *, is_plain: bool) -> str:
        if not is_plain and (rule := self._excluded_path(path)):
            return rule
        if self._rules.excluded and any(pattern.search(url) for pattern in self._rules.excluded):
            return "path"
        if verdict := self._rules.safety.verdict(url, has_plain_path=is_plain):
            return verdict
        return "cache-buster" if query and defeats_caches(query) else ""

    def _excluded_path(self, path: str) -> str:
        last = path[path.rfind("/") + 1 :]
        dot = last.rfind(".")
        if (
            (dot >= 0 and last[dot:].lower() in self._static)
            or _STATIC_FOLDERS.match(path)
            or _PLUMBING.fullmatch(path)
        ):
            return "static"
        if _HEALTH_HINT.search(path) and _HEALTH.fullmatch(path):
            return "health-check"
        return ""
