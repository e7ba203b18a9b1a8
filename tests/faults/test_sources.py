"""Faults of what pages are made from: the database, its rows, templates, and a service of somebody else's."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from demo.deployment import manage
from tests import servers

from .conftest import Stage, staged
from .relay import Relay, relaying

FOOTER = "_footer.html"
ONLY_IN_ENGLISH = (
    "{% load i18n service %}{% get_current_language as code %}{% if code == 'en' %}{% ask_service %}{% endif %}"
)
"""One page of the two: as many as there are workers would stop the site, whoever asks for them."""


@contextmanager
def replaced(stage: Stage, template: str, text: str, **variables: str) -> Iterator[dict[str, str]]:
    """The site, and the command, with another template; the variables that make it so."""
    folder = stage.folder / "templates"
    path = folder / template
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    more = {"EXAMPLE_TEMPLATES": str(folder), **variables}
    stage.restart(**more)
    try:
        yield more
    finally:
        path.unlink()
        stage.restart()


@contextmanager
def template_error(stage: Stage, kind: str) -> Iterator[dict[str, str]]:
    with replaced(stage, FOOTER if kind == "command" else "content/delivery.html", "{% nonsense %}") as more:
        yield more


@contextmanager
def silent_service(stage: Stage, kind: str) -> Iterator[dict[str, str]]:
    """One page, or one fragment, is made from what a service says that says nothing."""
    template = FOOTER if kind == "command" else "content/delivery.html"
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with replaced(stage, template, ONLY_IN_ENGLISH, EXAMPLE_SERVICE=f"{host}:{port}") as more:
            yield more
            server.close()  # or a worker that waits for it would not end


@contextmanager
def corrupt_rows(stage: Stage, kind: str) -> Iterator[dict[str, str]]:
    """Text where numbers belong, which SQLite does not mind."""
    with closing(sqlite3.connect(stage.environ["EXAMPLE_DB"], isolation_level=None, timeout=20)) as database:
        before = database.execute("SELECT id, price_cents FROM catalogue_product").fetchall()
        database.execute("UPDATE catalogue_product SET price_cents = 'garbage'")
        try:
            yield {}
        finally:
            database.executemany(
                "UPDATE catalogue_product SET price_cents = ? WHERE id = ?", [(p, i) for i, p in before]
            )


Fault = Callable[[Stage, str], AbstractContextManager[dict[str, str]]]


@pytest.mark.parametrize(
    ("fault", "for_crawl", "for_command"),
    [
        # The command's two footers of 369 entries: named, and less than the tenth that may be cold.
        (template_error, 3, 0),
        (silent_service, 3, 3),
        # The command's own warmers read no price.
        (corrupt_rows, 3, 0),
    ],
)
def test_a_run_under_this_fault(stage: Stage, kind: str, fault: Fault, for_crawl: int, for_command: int) -> None:
    stage.redis.flushall()
    with fault(stage, kind) as more, stage.watched():
        done = stage.finish(stage.start(kind, **more))
        assert done.code == (for_crawl if kind == "crawl" else for_command), done.output[-2500:]
    # What was well was warmed, and the rest is named.
    assert done.report["stored"] > 0
    if (kind, fault) != ("command", corrupt_rows):
        assert done.report["failed"] > 0
    stage.assert_unharmed(done)
    again = stage.finish(stage.start(kind))
    assert again.code == 0, again.output[-2500:]


@pytest.fixture(scope="module")
def postgres_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Relay]]:
    folder: Path = tmp_path_factory.mktemp("postgres-faults")
    data = folder / "postgres"
    data.mkdir()
    with servers.postgres(data) as server, relaying(server.port) as relay:
        url = server.url.replace(str(server.port), str(relay.port))
        manage("setup_example", "--orders", "500", env={"EXAMPLE_DB": url})
        with staged(folder, url) as stage:
            yield stage, relay


@contextmanager
def down(relay: Relay) -> Iterator[None]:
    relay.refuses = True
    relay.cut()
    yield


@contextmanager
def down_for_a_while(relay: Relay) -> Iterator[None]:
    timer = threading.Timer(2.0, relay.heal)
    with down(relay):
        timer.start()
        yield
    timer.join()


@contextmanager
def connections_broken(relay: Relay) -> Iterator[None]:
    """Once, as a restart or a failover does it; those that were kept are of no use."""
    relay.cut()
    yield


@contextmanager
def hangs_for_a_while(relay: Relay) -> Iterator[None]:
    relay.hangs = True
    timer = threading.Timer(2.0, relay.heal)
    timer.start()
    yield
    timer.join()


@pytest.mark.parametrize(
    ("fault", "for_crawl", "for_command"),
    [
        (down, {7}, {3}),  # the health check, which the crawl waits for, asks the database
        # What the command computed before it came back has failed: how much that is is a matter of milliseconds.
        (down_for_a_while, {0}, {0, 3}),
        # A page whose worker had such a connection has failed; each of the two workers has one.
        (connections_broken, {0, 3}, {0}),
        (hangs_for_a_while, {0}, {0, 3}),  # what it hung in is broken off; as above
    ],
)
def test_the_database(
    postgres_stage: tuple[Stage, Relay],
    kind: str,
    fault: Callable[[Relay], AbstractContextManager[None]],
    for_crawl: set[int],
    for_command: set[int],
) -> None:
    stage, relay = postgres_stage
    stage.redis.flushall()
    try:
        with fault(relay), stage.watched("/robots.txt"):
            done = stage.finish(stage.start(kind))
    finally:
        relay.heal()
    assert done.code in (for_crawl if kind == "crawl" else for_command), done.output[-2500:]
    for url in stage.reference:
        stage.visit(url)  # Each worker finds out about its broken connection, as it does without a warm run.
        stage.visit(url)
    stage.assert_unharmed(done)
    again = stage.finish(stage.start(kind))
    assert again.code == 0, again.output[-2500:]
