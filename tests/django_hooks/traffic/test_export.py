"""From the table to a manifest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from django_hooks.models import ObservedExclusion, ObservedTraffic
from django_hooks.traffic import storage
from django_hooks.traffic.routing import route_name
from url_manifests.checking import check_manifest
from url_manifests.manifest import ManifestReader
from url_manifests.safety import SafetyRules

from .conftest import HOST, NOW_S, PHONE

HOUR = int(NOW_S // 3600)


@pytest.fixture
def export(shop, tmp_path, capsys):
    def run(*options):
        path = tmp_path / "m.jsonl"
        call_command("export_manifest", "-o", str(path), *options)
        reader = ManifestReader(path)
        return {entry.url: entry for entry in reader}, reader.header, capsys.readouterr().out

    return run


def put(url: str, hour: int = HOUR, **fields) -> None:
    sums = {"cold_hits": 1, "cold_ms": 100.0, **fields}
    storage.add(
        [ObservedTraffic(digest=f"{hour}{url}{sorted(fields.items())}"[-32:], hour=hour, host=HOST, url=url, **sums)]
    )


def test_what_was_recorded_comes_out(visit, saved, export):
    for number, times in ((1, 5), (2, 3)):
        for _ in range(times):
            visit(f"/p/{number}/")
    saved()
    entries, header, printed = export()
    # Their order goes by the time that they really took, which is not for a test to say.
    assert {url: entry.hits for url, entry in entries.items()} == {"/p/1/": 5, "/p/2/": 3}
    entry = entries["/p/1/"]
    assert (entry.host, entry.hits, entry.route) == (HOST, 5, "p/<int:number>/")
    assert entry.cold_ms >= entry.warm_ms >= 0
    assert (header.totals["lines"], header.totals["used"], header.totals["pages"]) == (8, 8, 2)
    assert "2 of 2 URLs, 100.0% of the expected requests" in printed


def test_the_same_table_gives_the_same_bytes(export, tmp_path):
    for number in range(50):
        put(f"/p/{number}/", hour=HOUR - number, cold_hits=number % 7 + 1)
    export()
    first = (tmp_path / "m.jsonl").read_bytes()
    export()
    assert (tmp_path / "m.jsonl").read_bytes() == first


def test_a_manifest_passes_its_own_check(visit, saved, export, tmp_path):
    visit("/p/1/")
    visit("/personal/", agent=PHONE, headers={"accept-encoding": "gzip, deflate, br"})
    saved()
    export()
    found = check_manifest(tmp_path / "m.jsonl", SafetyRules(), now=datetime.now(UTC), max_age=None)
    assert found.entries == 2


def test_routes_that_are_gone_are_dropped_and_named(export):
    put("/p/1/")
    put("/old/7/", route="old/<int:n>/", cold_hits=4)
    put("/old/8/", route="old/<int:n>/")
    entries, header, printed = export()
    assert list(entries) == ["/p/1/"]
    assert header.totals["excluded"] == {"gone": 5}
    assert header.totals["gone"] == {"old/<int:n>/": {"urls": 2, "hits": 5, "example": "/old/7/"}}
    assert "no longer in this release: old/<int:n>/ (2 URLs, 5 requests, such as /old/7/)" in printed
    assert set(export("--keep-unresolved")[0]) == {"/p/1/", "/old/7/", "/old/8/"}


def test_each_language_is_resolved_in_its_own(shop):
    assert route_name("/de/about/") == "de/about/"
    assert route_name("/en/about/") == "en/about/"
    assert route_name("/fr/about/") is None


def test_a_page_that_was_always_warm_is_worth_what_its_route_costs(export):
    put("/p/1/", cold_hits=0, cold_ms=0, warm_hits=50, warm_ms=100.0, route="p/<int:number>/")
    put("/p/2/", cold_hits=2, cold_ms=600.0, route="p/<int:number>/")
    put("/plain/", cold_hits=3, cold_ms=30.0)
    entries, _, _ = export()
    assert list(entries) == ["/p/1/", "/p/2/", "/plain/"]
    assert (entries["/p/1/"].cold_ms, entries["/p/1/"].warm_ms) == (300.0, 2.0)


def test_of_two_orders_of_a_query_the_commoner_stays(export):
    put("/search/?a=1&b=2", cold_hits=2)
    put("/search/?b=2&a=1", cold_hits=9)
    entries, header, _ = export()
    assert list(entries) == ["/search/?b=2&a=1"]
    assert header.totals["excluded"] == {"query-order": 2}


def test_variants_are_those_that_were_seen(visit, saved, export):
    for _ in range(30):
        visit("/personal/", headers={"accept-encoding": "gzip, deflate, br, zstd"})
        visit("/personal/", agent=PHONE, headers={"accept-encoding": "gzip, deflate, br"})
    visit("/p/1/")
    saved()
    entries, header, _ = export()
    assert entries["/personal/"].variants == {"chrome": 0.5, "safari-26-mobile": 0.5}
    assert header.profiles["safari-26-mobile"]["Accept-Encoding"] == "gzip, deflate, br"
    assert entries["/p/1/"].variants == {}


def test_what_was_excluded_adds_up(visit, saved, export):
    visit("/p/1/")
    visit("/account/logout/")
    visit("/plain/", agent="curl/8.0")
    saved()
    _, header, printed = export()
    assert header.totals["excluded"] == {"bot": 1, "unsafe:logout": 1}
    assert header.totals["lines"] == header.totals["used"] + 2
    assert "1 excluded: unsafe:logout" in printed


def test_limits_cut_the_list(export):
    for number in range(20):
        put(f"/p/{number}/", cold_hits=20 - number)
    assert len(export("--max-urls", "5", "--max-per-route", "5")[0]) == 5
    assert len(export("--min-hits", "15")[0]) == 6
    assert len(export("--days", "1")[0]) == 20
    assert sum(entry.hits for entry in export("--coverage", "0.5")[0].values()) >= 105


def test_days_count_from_the_last_hour_recorded(export):
    put("/p/1/", hour=HOUR - 48)
    put("/p/2/", hour=HOUR)
    assert list(export("--days", "2")[0]) == ["/p/2/"]


def test_an_own_rule_that_came_later_holds_too(export, tmp_path):
    put("/p/1/")
    put("/plain/")
    (tmp_path / "rules.toml").write_text('[exclude]\nurls = ["^/plain/"]\n')
    entries, header, _ = export("--rules", str(tmp_path / "rules.toml"))
    assert list(entries) == ["/p/1/"]
    assert header.totals["excluded"] == {"path": 1}


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "nothing was recorded yet"),
        (("--rules", "/nowhere.toml"), 2, "cannot be read"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(shop, tmp_path, options, code, message):
    with pytest.raises(CommandError, match=message) as caught:
        call_command("export_manifest", "-o", str(tmp_path / "m.jsonl"), *options)
    assert caught.value.returncode == code
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m.jsonl").exists()


def test_an_exclusion_alone_is_no_traffic(shop, tmp_path):
    storage.add([ObservedExclusion(digest="x", hour=HOUR, rule="bot", hits=2)])
    with pytest.raises(CommandError, match="nothing was recorded yet"):
        call_command("export_manifest", "-o", str(tmp_path / "m.jsonl"))


class OneUrlconfEachHost:
    """What django-hosts and its like do: a middleware that chooses a URLconf for each request."""

    chosen = "tests.django_hooks.traffic.docs_urls"

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.urlconf = self.chosen
        return self.get_response(request)


@pytest.mark.parametrize("chosen", ["by name", "as a module", "as a tuple"])
def test_pages_of_a_host_with_a_urlconf_of_its_own_are_not_gone(chosen, visit, saved, shop, export, monkeypatch):
    from . import docs_urls

    choices = {"by name": docs_urls.__name__, "as a module": docs_urls, "as a tuple": tuple(docs_urls.urlpatterns)}
    monkeypatch.setattr(OneUrlconfEachHost, "chosen", choices[chosen])
    shop.MIDDLEWARE = [*shop.MIDDLEWARE, f"{__name__}.OneUrlconfEachHost"]
    visit("/docs/6/cache/")
    saved()
    entries, header, _ = export()
    assert {url: entry.route for url, entry in entries.items()} == {"/docs/6/cache/": "docs/<int:version>/<slug:name>/"}
    assert "gone" not in header.totals["excluded"]


def test_pages_of_a_urlconf_that_is_no_more_are_gone(export):
    put("/p/1/", urlconf="no.such.urls")
    assert not export()[0]
