"""Adds up the files that the workers wrote, in DuckDB, on disk where they are larger than the memory allowed.

All sums are of whole numbers, so they do not depend on the order in which threads add.
"""

# ruff: noqa: S608 - queries are put together from constants of this module; values are parameters

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from .candidate import Candidate
from .cells import HOUR_BIT, TIME_BIT, VARIANT_BIT, step_ms
from .database import Database
from .logs.record import UNKNOWN_HOUR
from .prediction import WEIGHT_ONE
from .routes import route_of

_LISTED: Final = "SELECT * FROM read_csv(?, header=false, auto_detect=false, columns={'page': 'BIGINT'})"
_COLD_SHARE: Final = 0.9
_WARM_SHARE: Final = 0.1


class Tally:
    """The sums of one build; a context manager.

    Args:
        folder: where the workers' files are; the database is put beside them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._db = Database(folder / "tally.duckdb", spill=folder / "spill")
        self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def _load(self) -> None:
        """Take a cell's number apart (see `cells`) on the way in: DuckDB does that faster than whoever wrote it."""
        self._read(
            "cells",
            "worker: 'SMALLINT', page: 'BIGINT', cell: 'BIGINT', lines: 'BIGINT', further: 'BIGINT'",
            f"worker, page, (cell >> {HOUR_BIT} & 1048575)::INTEGER - 1 AS hour,"
            f" (cell >> {VARIANT_BIT} & 2047)::SMALLINT AS variant, (cell >> {TIME_BIT} & 1023)::SMALLINT AS step,"
            " (cell & 1)::TINYINT AS signed_in, lines, lines + further AS hits",
        )
        self._read("pages", "page: 'BIGINT', unordered: 'BIGINT', host: 'VARCHAR', url: 'VARCHAR'", "*")
        for path in self._folder.glob("*-*.csv"):
            path.unlink()

    def _read(self, table: str, columns: str, selected: str) -> None:
        """Make a table of the workers' files of this name; there is always one, if only an empty one."""
        pattern = str(self._folder / f"{table}-*.csv").replace("'", "''")
        self._db.run(
            f"CREATE TABLE {table} AS SELECT {selected} FROM read_csv('{pattern}', delim='\\t', header=false, quote='',"
            f" escape='', auto_detect=false, buffer_size=4000000, columns={{{columns}}})"
        )

    def window(self) -> tuple[int, int] | None:
        """First and last hour, or ``None`` when no line told its time."""
        row = self._db.one("SELECT min(hour), max(hour) FROM cells WHERE hour <> ?", [UNKNOWN_HOUR])
        return None if row[0] is None else (int(row[0]), int(row[1]))

    def drop_other_orders(self) -> int:
        """Of URLs that differ only in the order of their parameters keep the commonest; how many lines the others had.

        Equal ones: the one whose hash is smaller, so that the choice does not depend on the order of the input.
        """
        self._db.run(
            "CREATE TABLE others AS SELECT page FROM (SELECT unordered, page, row_number() OVER (PARTITION BY unordered"
            " ORDER BY sum(hits) DESC, page) AS place FROM cells JOIN (SELECT DISTINCT page, unordered FROM pages"
            " WHERE unordered <> 0) USING (page) GROUP BY unordered, page)"
            " WHERE place > 1"
        )
        dropped = self._db.one("SELECT coalesce(sum(lines), 0) FROM cells WHERE page IN (SELECT page FROM others)")[0]
        if dropped:
            self._db.run("DELETE FROM cells WHERE page IN (SELECT page FROM others)")
        return int(dropped)

    def rank(self, weights: Mapping[int, int] | None) -> None:
        """Sum up by page; with weights also the requests predicted.

        Args:
            weights: hour → weight, as `prediction.hour_weights` gives it.
        """
        self._db.run("CREATE TABLE weights (hour INTEGER, weight BIGINT)")
        if weights:
            values = ", ".join(f"({hour}, {weight})" for hour, weight in weights.items())
            self._db.run(f"INSERT INTO weights VALUES {values}, ({UNKNOWN_HOUR}, {WEIGHT_ONE})")
            predicted = f"sum(hits::HUGEINT * weight)::DOUBLE / {WEIGHT_ONE}"
            source = "cells JOIN weights USING (hour)"
        else:
            predicted, source = "NULL::DOUBLE", "cells"
        self._db.run(
            f"CREATE TABLE ranked AS SELECT page, sum(hits)::BIGINT AS hits, {predicted} AS predicted,"
            f" (sum(hits) FILTER (signed_in = 1))::BIGINT AS signed_in FROM {source} GROUP BY page"
        )
        self._db.run("CREATE TABLE names AS SELECT page, min(host) AS host, min(url) AS url FROM pages GROUP BY page")
        self._db.run("DROP TABLE pages")
        self._time()

    def _time(self) -> None:
        """Steps of time of each page: what its slowest and its fastest tenth of requests take."""
        self._db.run(
            "CREATE TABLE timed AS SELECT page, min(step) FILTER (so_far >= total * ?) AS cold,"
            " min(step) FILTER (so_far >= total * ?) AS warm FROM (SELECT page, step,"
            " sum(n) OVER (PARTITION BY page ORDER BY step) AS so_far, sum(n) OVER (PARTITION BY page) AS total"
            " FROM (SELECT page, step, sum(hits) AS n FROM cells WHERE step > 0 GROUP BY page, step)) GROUP BY page",
            [_COLD_SHARE, _WARM_SHARE],
        )
        row = self._db.one(
            "SELECT min(step) FROM (SELECT step, sum(n) OVER (ORDER BY step) AS so_far, sum(n) OVER () AS total"
            " FROM (SELECT step, sum(hits) AS n FROM cells WHERE step > 0 GROUP BY step)) WHERE so_far >= total * ?",
            [_WARM_SHARE],
        )
        self._site_warm = row[0]

    def totals(self) -> tuple[int, int, float]:
        """Pages, hits, and expected hits over all pages."""
        row = self._db.one(
            "SELECT count(*), coalesce(sum(hits), 0), coalesce(sum(coalesce(predicted, hits)), 0) FROM ranked"
        )
        return int(row[0]), int(row[1]), float(row[2])

    def has_times(self) -> bool:
        """Whether any line told how long its request took."""
        return self._site_warm is not None

    def candidates(self) -> Iterator[Candidate]:
        """All pages, those that save most first; without times, those with the most expected hits."""
        by_saving = (
            "expected * greatest(power(2, cold / 8.0) - power(2, warm / 8.0), 0) DESC, " if self.has_times() else ""
        )
        rows = self._db.rows(
            "SELECT page, host, url, hits, predicted, signed_in, cold, warm FROM (SELECT * EXCLUDE (warm),"
            " coalesce(predicted, hits) AS expected, least(timed.warm, ?) AS warm FROM ranked JOIN names USING (page)"
            f" LEFT JOIN timed USING (page)) ORDER BY {by_saving}expected DESC, hits DESC, host, url",
            [self._site_warm],
        )
        return map(_candidate, rows)

    def select(self, pages: Sequence[int], names: Mapping[int, Sequence[str]]) -> dict[str, int]:
        """Keep nothing but who asked for these pages; hits by variant over all of them.

        Args:
            names: worker → name of each of its variants.
        """
        self._names = sorted({name for own in names.values() for name in own})
        # The largest query of a build: numbers instead of names, and one thread, halve the memory that it takes.
        kinds = {name: kind for kind, name in enumerate(self._names)}
        rows = [(worker, number, kinds[name]) for worker, own in names.items() for number, name in enumerate(own)]
        with self._db.one_thread():
            self._db.run(
                "CREATE TABLE visitors AS SELECT page, kind, sum(hits)::BIGINT AS hits FROM cells"
                f" JOIN (VALUES {', '.join(['(?, ?, ?::SMALLINT)'] * len(rows))}) AS kinds (worker, variant, kind)"
                f" USING (worker, variant) WHERE page IN ({_LISTED}) GROUP BY page, kind",
                [*(value for row in rows for value in row), self._listed(pages)],
            )
        # Entries are made next, and need the memory.
        self._db.run("DROP TABLE cells")
        sums = self._db.run("SELECT kind, sum(hits)::BIGINT FROM visitors GROUP BY kind").fetchall()
        return {self._names[kind]: hits for kind, hits in sums}

    def mixes(self) -> Iterator[tuple[Any, ...]]:
        """Each selected page with who asked for it, as text that `hits_by_name` reads: few hits make few mixes."""
        return self._db.rows(
            "SELECT page, string_agg(hits || ' ' || kind, '\n' ORDER BY kind) FROM visitors GROUP BY page ORDER BY page"
        )

    def hits_by_name(self, mix: str) -> dict[str, int]:
        """Hits by variant."""
        lines = (line.partition(" ") for line in mix.split("\n"))
        return {self._names[int(kind)]: int(hits) for hits, _, kind in lines}

    def _listed(self, pages: Sequence[int]) -> str:
        """Path of a file with these pages, for `_LISTED`."""
        path = self._folder / "listed.csv"
        path.write_text("".join(f"{page}\n" for page in pages), encoding="ascii")
        return str(path)

    def coverage(self, pages: Sequence[int], *, by_time: bool) -> tuple[float, float]:
        """Share of the hits, or of their time when cold, that these pages have; and that the best list as long has."""
        value = "hits * power(2, cold / 8.0)" if by_time else "hits"
        covered, total = self._db.one(
            f"SELECT sum(value) FILTER (page IN ({_LISTED})), sum(value) FROM (SELECT page, {value} AS value"
            " FROM ranked LEFT JOIN timed USING (page))",
            [self._listed(pages)],
        )
        best = self._db.one(
            f"SELECT sum(value) FROM (SELECT {value} AS value FROM ranked LEFT JOIN timed USING (page)"
            " ORDER BY value DESC NULLS LAST LIMIT ?)",
            [len(pages)],
        )[0]
        return (float(covered or 0) / float(total), float(best or 0) / float(total)) if total else (1.0, 1.0)


def _candidate(row: tuple[Any, ...]) -> Candidate:
    page, host, url, hits, predicted, signed_in, cold, warm = row
    return Candidate(
        page=page,
        host=host,
        url=url,
        hits=hits,
        predicted_hits=None if predicted is None else round(predicted, 3),
        signed_in=round((signed_in or 0) / hits, 4),
        cold_ms=None if cold is None else round(step_ms(cold), 1),
        warm_ms=None if cold is None or warm is None else round(step_ms(min(cold, warm)), 1),
        route=route_of(url),
    )
