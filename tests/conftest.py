"""Fixtures that several packages' tests share: real servers, and the example site as a real process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.deployment import Deployment, manage

from . import servers

SECRET = "a-ticket-secret-for-tests-0123456789abcdef"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with servers.redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with servers.valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def memcached_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with servers.memcached(tmp_path_factory.mktemp("memcached")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with servers.postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with servers.mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium."""
    return servers.require("chromium")


@pytest.fixture(scope="session")
def seeded_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's database with its whole catalogue and few orders; copy it before use."""
    path = tmp_path_factory.mktemp("seed") / "db.sqlite3"
    manage("setup_example", "--orders", "2000", env={"EXAMPLE_DB": str(path)})
    return path


@dataclass(frozen=True)
class Site:
    """The example site as one running deployment with its own database and caches."""

    deployment: Deployment

    @property
    def base_url(self) -> str:
        return self.deployment.base_url

    @property
    def env(self) -> Mapping[str, str]:
        """What its management commands need."""
        return self.deployment.env


@pytest.fixture
def start_site(seeded_database: Path, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start the example: ``start_site(cache="redis://…", server="uvicorn", workers=1, EXAMPLE_BREAK="half")``."""
    with ExitStack() as stack:

        def start(*, cache: str = "db", server: str = "gunicorn", workers: int = 2, **env: str) -> Site:
            folder = tmp_path / f"site-{len(list(tmp_path.glob('site-*')))}"
            folder.mkdir()
            database = shutil.copy(seeded_database, folder / "db.sqlite3")
            settings = {"EXAMPLE_DB": str(database), "EXAMPLE_CACHE": cache, "WARM_SECRET": SECRET, **env}
            settings.setdefault("EXAMPLE_CACHE_PREFIX", folder.parent.name + folder.name)
            deployment = Deployment(env=settings, server=server, workers=workers, log=folder / "server.log")
            return Site(stack.enter_context(deployment))

        yield start
