"""Where settings come from, which source wins, and what is said about a wrong one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.env import WarmConfig, load_config, new_run_id
from crawler.variables import VARIABLES
from url_manifests.errors import ConfigurationError, UnknownNameError

from .conftest import ROOT

BASE = "WARM_BASE_URL=http://127.0.0.1:8000\n"
SECRET = "s3cret-" * 6


def load(folder: Path, arguments: dict[str, str] | None = None, **environ: str) -> WarmConfig:
    return load_config({"env": "prod"} | (arguments or {}), environ, folder)


def test_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_text(BASE)
    config = load(tmp_path)
    assert config.public_url == config.base_url == "http://127.0.0.1:8000"
    assert config.manifest == Path("url_manifests/prod.jsonl")
    assert config.report == Path("var/warm/prod/report.json")
    assert config.outcomes == Path("var/warm/prod/outcomes.jsonl")
    assert (config.rate, config.concurrency, config.deadline_s, config.timeout_s) == (20, 4, 900, 30)
    assert (config.require_coverage, config.ready_timeout_s, config.max_bytes) == (0.9, 60, 10 << 20)


def test_precedence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WARM_RATE=1\nWARM_CONCURRENCY=1\nWARM_TIMEOUT=1\nWARM_DEADLINE=1\n")
    (tmp_path / ".env.prod").write_text(BASE + "WARM_RATE=2\nWARM_CONCURRENCY=2\nWARM_TIMEOUT=2\n")
    config = load(tmp_path, {"rate": "4"}, WARM_RATE="3", WARM_CONCURRENCY="3")
    assert (config.rate, config.concurrency, config.timeout_s, config.deadline_s) == (4, 3, 2, 1)


def test_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ: dict[str, str] = {}
    (tmp_path / ".env.prod").write_text(BASE)
    load_config({"env": "prod"}, environ, tmp_path)
    assert environ == {}


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_text(BASE + "WARM_RATE=2\n")
    assert load(tmp_path, WARM_RATE="").rate == 2


def test_a_secret_is_taken_as_it_is_written(tmp_path: Path) -> None:
    secret = "${HOME}-$PATH-" + "x" * 32
    (tmp_path / ".env.prod").write_text(BASE + f"WARM_SECRET='{secret}'\n")
    config = load(tmp_path)
    assert config.secret == secret
    assert secret not in repr(config)


def test_the_environment_suffices(tmp_path: Path) -> None:
    assert load(tmp_path, WARM_BASE_URL="http://10.0.0.1").base_url == "http://10.0.0.1"


def test_a_common_file_does_not_make_an_unknown_environment_known(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(BASE)
    with pytest.raises(
        ConfigurationError,
        match=r"there is no file \.env\.prod in .*write \.env\.prod with at least a line WARM_BASE_URL=",
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("WARM_RATE=fast", r"WARM_RATE: 'fast' \(from \.env\.prod\) must be requests a second, or 0 for no limit"),
        ("WARM_RATE=-1", "must be requests a second"),
        ("WARM_RATE=nan", "must be requests a second"),
        ("WARM_DEADLINE=0", "must be a number of seconds above 0"),
        ("WARM_CONCURRENCY=0", "must be a whole number from 1"),
        ("WARM_CONCURRENCY=1.5", "must be a whole number from 1"),
        ("WARM_REQUIRE_COVERAGE=1.01", "must be a share from 0 to 1"),
        ("WARM_PUBLIC_URL=shop.example", "must be a URL such as"),
        ("WARM_PUBLIC_URL=https://shop.example/shop/", "without a path"),
        ("WARM_PUBLIC_URL=https://user:pw@shop.example", "must not hold a user name"),
        ("WARM_PUBLIC_URL=https://shop.example:port", "must be a URL such as"),
        ("WARM_PROXY_SCHEME_HEADER=https", "must look like"),
        ("WARM_READY_URL=//evil.example/", "must be a URL"),
        ("WARM_OUTCOMES=var/warm/prod/report.json", "must not be the same file"),
        ("WARM_SECRET=short", "needs at least 32 characters, has 5"),
    ],
)
def test_wrong_values_name_variable_value_and_file(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / ".env.prod").write_text(BASE + line + "\n")
    with pytest.raises(ConfigurationError, match=message) as caught:
        load(tmp_path)
    assert caught.value.setting == line.partition("=")[0]
    assert "\n" not in str(caught.value)


def test_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_text(BASE + "WARM_SECRET=hunter2\n")
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_typo_in_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_text(BASE + "WARM_RATTE=5\n")
    with pytest.raises(UnknownNameError, match=r"\.env\.prod: 'WARM_RATTE' is unknown; did you mean 'WARM_RATE'\?"):
        load(tmp_path)


def test_other_peoples_variables_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_text(BASE + "DATABASE_URL=postgres://x\n")
    assert load(tmp_path, WARM_WELCOME="yes").env == "prod"


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"\.env\.prod: cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["", "../prod", "a/b", ".", "x" * 65])
def test_names_of_environments(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="env: "):
        load(tmp_path, {"env": name}, WARM_BASE_URL="http://h")


def test_the_example_names_every_variable_and_nothing_else() -> None:
    text = (ROOT / ".env.example").read_text()
    named = re.findall(r"^(?:# )?(WARM_[A-Z0-9_]+)=", text, re.MULTILINE)
    assert named == [variable.name for variable in VARIABLES if not variable.is_argument_only]
    for variable in VARIABLES:
        if variable.default and not variable.is_argument_only:
            assert f"# {variable.name}={variable.default.replace('{env}', 'NAME')}\n" in text


def test_the_example_is_valid_once_copied(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_text((ROOT / ".env.example").read_text())
    assert load(tmp_path).base_url == "http://127.0.0.1:8000"


def test_every_variable_becomes_a_field() -> None:
    fields = {name.removesuffix("_s") for name in WarmConfig.__slots__}
    # Two ways to say who knocks make one header; the run that is resumed gives its id.
    variables = {variable.field for variable in VARIABLES} - {"basic_auth", "bearer", "resume"}
    variables |= {"authorization", "is_resumed"}
    assert fields == {"env", *variables}


def test_one_kind_of_authorization(tmp_path: Path) -> None:
    (tmp_path / ".env.prod").write_text(BASE)
    with pytest.raises(ConfigurationError, match="cannot be sent together with WARM_BEARER"):
        load(tmp_path, WARM_BASIC_AUTH="a:b", WARM_BEARER="c")
    assert "YTpi" not in repr(load(tmp_path, WARM_BASIC_AUTH="a:b"))


def test_run_ids_sort_by_time_and_differ() -> None:
    early, late = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
    assert new_run_id(early) < new_run_id(late)
    assert new_run_id(early) != new_run_id(early)
    assert new_run_id(early).startswith("20260102T030405Z-")
