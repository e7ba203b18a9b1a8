"""From outcomes to the report that both commands write: counts that add up, coverage, verdict, exit code. Pure.

``coverage`` asks: of the requests that are expected, weighted by hits, whose pages or parts the application lets be
cached, which share is now proven to come from cache? ``coverage_all`` asks the same over all expected requests. A run
that planned something, of which nothing can be cached, has covered nothing: its coverage is 0, not 1, or a deployment
whose page cache is switched off would pass as warm.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from typing import Any, Final

from .errors import CacheWarmingError, ExitCode
from .jsonl import encodable, replacing
from .outcomes import Outcome, Result
from .reasons import REASONS
from .routes import route_of

SCHEMA: Final = 1
EXAMPLES_PER_REASON: Final = 3
MAX_ROUTES: Final = 500
"""Routes that are counted apart while a run goes on; what comes beyond is counted as `OTHER_ROUTES`."""
ROUTES_SHOWN: Final = 30
OTHER_ROUTES: Final = "(other)"

_VERDICTS: Final = {
    ExitCode.WARM: "ok",
    ExitCode.BELOW_COVERAGE: "partial",
    ExitCode.NOT_VERIFIED: "unverified",
    ExitCode.PROTECTED: "protected",
}


@dataclass(slots=True, kw_only=True)
class Report:
    """Counts outcomes as they come, in bounded memory, and gives the report document at the end."""

    run_id: str
    env: str
    require_coverage: float
    """Share from 0 to 1 below which the run is not warm as required."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    elapsed_s: float = 0.0
    """From a monotonic clock; the two times above are for people."""
    error: CacheWarmingError | None = None
    """What ended the run early, if anything did."""
    unfinished: list[str] = field(default_factory=list)
    """Warmers that were not, or not wholly, asked for their entries, and do not tell how many are left."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further top-level fields of the document, such as the achieved rate."""

    results: Counter[Result] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    page_reasons: Counter[str] = field(default_factory=Counter)
    """Those of `reasons` that say why the site never stores a page whose parts are proven warm: no failures."""
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    parts: Counter[Result] = field(default_factory=Counter)
    routes: dict[str, Counter[str]] = field(default_factory=dict)
    """Route → reason → count, of the requests whose page is not proven warm."""
    _expected: float = 0.0
    _cacheable: float = 0.0
    _proven: float = 0.0
    _unverifiable: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.results[outcome.result] += 1
        if outcome.keys:  # a million that were skipped have none
            self.parts.update(outcome.parts)
        self._expected += outcome.weight
        if outcome.cacheable:
            self._cacheable += outcome.weight
        if outcome.result.is_proven:
            self._proven += outcome.weight
        elif outcome.result is Result.UNVERIFIABLE:
            self._unverifiable += outcome.weight
        if outcome.reason:
            self._add_reason(outcome)

    def add_many(self, result: Result, count: int, weight: float) -> None:
        """Count as many single keys that ended alike, with nothing more to say of them; ``weight`` is their sum."""
        self.results[result] += count
        self.parts[result] += count
        self._expected += weight
        self._cacheable += weight
        if result.is_proven:
            self._proven += weight
        elif result is Result.UNVERIFIABLE:
            self._unverifiable += weight

    def _add_reason(self, outcome: Outcome) -> None:
        self.reasons[outcome.reason] += 1
        if outcome.result.is_proven:
            self.page_reasons[outcome.reason] += 1
        self._add_route(route_of(outcome.url), {outcome.reason: 1})
        where = outcome.host + outcome.url
        self._add_example(outcome.reason, f"{where} ({outcome.detail})" if outcome.detail else where)

    def _add_example(self, reason: str, example: str) -> None:
        examples = self.examples[reason]
        # Two variants of one page are one example.
        if len(examples) < EXAMPLES_PER_REASON and example not in examples:
            examples.append(example)

    def _add_route(self, route: str, reasons: Mapping[str, int]) -> None:
        if route not in self.routes and len(self.routes) >= MAX_ROUTES:
            route = OTHER_ROUTES
        counts = self.routes.setdefault(route, Counter())
        for reason, count in reasons.items():
            counts[reason] += count

    def _shown_routes(self) -> list[dict[str, Any]]:
        """The routes with most to mend, each with the hint for its most frequent reason."""
        ranked = sorted(self.routes.items(), key=lambda item: (-item[1].total(), item[0]))
        return [
            {
                "route": route,
                "reasons": _most_frequent_first(reasons),
                "hint": hint_for(min(reasons, key=lambda reason: (-reasons[reason], reason))),
            }
            for route, reasons in ranked[:ROUTES_SHOWN]
        ]

    @property
    def planned(self) -> int:
        return self.results.total()

    @property
    def coverage(self) -> float:
        """Share of the expected, cacheable requests that is proven warm, 0 to 1."""
        return self._share(self._proven, self._cacheable)

    @property
    def coverage_all(self) -> float:
        """The same over all expected requests."""
        return self._share(self._proven, self._expected)

    def _share(self, part: float, whole: float) -> float:
        if whole > 0:
            return part / whole
        return 1.0 if self.planned == 0 else 0.0

    @property
    def exit_code(self) -> ExitCode:
        if self.error is not None:
            return self.error.exit_code
        is_unknown = bool(self.unfinished) and self.require_coverage > 0
        is_covered = self.coverage >= self.require_coverage and not is_unknown
        return ExitCode.WARM if is_covered else ExitCode.BELOW_COVERAGE

    @property
    def outcome(self) -> str:
        """The verdict in one word: ``ok``, ``partial``, ``unverified``, ``protected`` or ``failed``."""
        verdict = _VERDICTS.get(self.exit_code, "failed")
        if verdict == "partial" and self._unverifiable:
            verifiable_too = self._share(self._proven + self._unverifiable, self._cacheable)
            return "unverified" if verifiable_too >= self.require_coverage else verdict
        return verdict

    def counted(self) -> dict[str, Any]:
        """What was counted until now as plain data, for `absorb` of another process's report of the same run."""
        return {
            "results": dict(self.results),
            "reasons": dict(self.reasons),
            "page_reasons": dict(self.page_reasons),
            "examples": {reason: list(examples) for reason, examples in self.examples.items()},
            "parts": dict(self.parts),
            "routes": {route: dict(reasons) for route, reasons in self.routes.items()},
            "weights": [self._expected, self._cacheable, self._proven, self._unverifiable],
        }

    def absorb(self, counted: Mapping[str, Any]) -> None:
        """Add what another report of this run has counted."""
        self.results.update({Result(name): count for name, count in counted["results"].items()})
        self.parts.update({Result(name): count for name, count in counted["parts"].items()})
        self.reasons.update(counted["reasons"])
        self.page_reasons.update(counted["page_reasons"])
        for reason, examples in counted["examples"].items():
            for example in examples:
                self._add_example(reason, example)
        for route, reasons in counted["routes"].items():
            self._add_route(route, Counter(reasons))
        expected, cacheable, proven, unverifiable = counted["weights"]
        self._expected += expected
        self._cacheable += cacheable
        self._proven += proven
        self._unverifiable += unverifiable

    def emptied(self) -> Report:
        """A report of the same run that has counted nothing yet."""
        started_at, required = self.started_at, self.require_coverage
        return Report(run_id=self.run_id, env=self.env, require_coverage=required, started_at=started_at)

    def finish(self, elapsed_s: float) -> None:
        """Note the end of the run."""
        self.finished_at = datetime.now(UTC)
        self.elapsed_s = elapsed_s

    def document(self) -> dict[str, Any]:
        """The report as plain data; ``docs/reference/report.md`` describes each field."""
        return {
            "schema": SCHEMA,
            "run_id": self.run_id,
            "env": self.env,
            "outcome": self.outcome,
            "exit_code": int(self.exit_code),
            "planned": self.planned,
            **{str(result): self.results[result] for result in Result},
            "coverage": round(self.coverage, 6),
            "coverage_all": round(self.coverage_all, 6),
            "require_coverage": self.require_coverage,
            "unfinished": list(self.unfinished),
            "reasons": _most_frequent_first(self.reasons),
            "parts_only": _most_frequent_first(self.page_reasons),
            "examples": {name: list(urls) for name, urls in sorted(self.examples.items())},
            "hints": {name: REASONS[name].hint for name in sorted(self.reasons) if name in REASONS},
            "routes": self._shown_routes(),
            "parts": {str(result): self.parts[result] for result in Result if self.parts[result]},
            "error": str(self.error) if self.error else None,
            "elapsed_s": round(self.elapsed_s, 3),
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            **self.extra,
        }

    def write(self, path: str | PathLike[str]) -> None:
        """Write ``report.json``, whole or not at all."""
        with replacing(path) as temporary:
            temporary.write_bytes(encodable(json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n"))


def _most_frequent_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def hint_for(reason: str) -> str:
    """What would make it warm, for a reason of the table; empty for others."""
    return REASONS[reason].hint if reason in REASONS else ""
