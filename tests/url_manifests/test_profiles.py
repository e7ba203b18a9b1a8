"""Which browser a user agent is, and what the browsers send."""

from __future__ import annotations

import pytest

from url_manifests.profiles import PROFILES, profile_of

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) {WEBKIT}"


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_is_told_by_its_own_user_agent(name: str) -> None:
    assert profile_of(PROFILES[name]["User-Agent"]) == name


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (f"{MAC} Version/26.2 Safari/605.1.15", "safari-26"),
        (f"{MAC} Version/26.3 Safari/605.1.15", "safari"),
        (f"{MAC} Version/26.10 Safari/605.1.15", "safari"),
        (f"{MAC} Version/17.5 Safari/605.1.15", "safari-26"),
        (f"{MAC} Version/9.1.2 Safari/605.1.15", "safari-26"),
        (f"{IPHONE} Version/26.2.1 Mobile/15E148 Safari/604.1", "safari-26-mobile"),
        (f"{IPHONE} Version/30.0 Mobile/15E148 Safari/604.1", "safari-mobile"),
        (f"{IPHONE} CriOS/155.0.0.0 Mobile/15E148 Safari/604.1", "safari-mobile"),  # WebKit, whatever it says
    ],
)
def test_safari_has_zstd_from_one_release_on(agent: str, expected: str) -> None:
    assert profile_of(agent) == expected
    assert ("zstd" in PROFILES[expected]["Accept-Encoding"]) is ("26" not in expected)
