from __future__ import annotations

from pathlib import Path

import pytest

from tests.url_manifests.lines import combined
from url_manifests.build import BuildOptions, build
from url_manifests.manifest import ManifestReader
from url_manifests.masking import masked
from url_manifests.safety import SafetyRules
from url_manifests.sources import expand

CORPUS = Path(__file__).parent / "corpus"


def rows(name: str) -> list[str]:
    lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


UNSAFE = [row.split("\t") for row in rows("unsafe.txt")]
HARMLESS = rows("harmless.txt")


def test_the_corpora_are_large_enough():
    assert len(UNSAFE) >= 200
    assert len(HARMLESS) >= 200


@pytest.mark.parametrize(("family", "url"), UNSAFE)
def test_unsafe_and_secret_urls_are_kept_out_by_the_right_family(family, url):
    assert SafetyRules().verdict(url).startswith(f"{family}:")


@pytest.mark.parametrize("url", HARMLESS)
def test_look_alikes_are_let_through(url):
    assert SafetyRules().verdict(url) == ""


def test_of_a_log_of_both_corpora_exactly_the_harmless_reach_the_manifest(tmp_path):
    log = tmp_path / "access.log"
    log.write_text("".join(combined(url) + "\n" for url in [*(url for _, url in UNSAFE), *HARMLESS]), encoding="utf-8")
    build(expand([str(log)]), tmp_path / "m.jsonl", BuildOptions())
    listed = {entry.url for entry in ManifestReader(tmp_path / "m.jsonl")}
    assert listed == set(HARMLESS)


def test_no_secret_shows_in_a_manifest_of_rejected_lines(tmp_path):
    log = tmp_path / "access.log"
    secrets = ["hunter2hunter2", "ann@shop.example", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", "203.0.113.77"]
    broken = [f'203.0.113.77 - - [x] "GET /?password={secret}&u={secret} {secret}' for secret in secrets]
    log.write_text("\n".join([combined("/a/"), *broken]) + "\n", encoding="utf-8")
    build(expand([str(log)]), tmp_path / "m.jsonl", BuildOptions())
    text = (tmp_path / "m.jsonl").read_text(encoding="utf-8")
    assert '"rejected": {"cut": 4}' in text
    assert not any(secret in text for secret in secrets)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"GET /?q=abc", "GET /?q=***"),
        (b"203.0.113.9 x", "203.0.*.* x"),
        (b"ann@shop.example", "***"),
        (b"\x00\xff", "\\x00\\xff"),
        (b"Authorization: Bearer abc", "Authorization: Bearer ***"),
        (b"203.0.113.9 - ann.smith [10/Nov/2025", "203.0.*.* *** [10/Nov/2025"),
        (b'{"password": "hunter", "user_agent": "x"}', '{"password": "***", "user_agent": "x"}'),
        (b'"Cookie":["sessionid"]', '"Cookie":["***"]'),
        (b"password: hunter", "password: ***"),
        (b"GET /x%3Ftoken%3Dabc HTTP", "GET /x%3Ftoken%3D*** HTTP"),
        (b"GET /confirm/AbCdEfGhIjKlMn/ HTTP/1.1", "GET /confirm/***/ HTTP/1.1"),
        (b"call +49 151 12345678", "call ***"),
        (b"AppleWebKit/537.36 (KHTML, like Gecko)", "AppleWebKit/537.36 (KHTML, like Gecko)"),
        (b"x" * 500, "x" * 119 + "…"),
    ],
)
def test_masking(raw, shown):
    assert masked(raw) == shown
