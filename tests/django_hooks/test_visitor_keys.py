"""Pages whose entries are both there, and which their visitors are led past all the same."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.http import HttpResponse

from django_hooks.crosscheck import Tally, cross_check
from django_hooks.recorder import PAGE_BODY_PREFIX
from django_hooks.visitor_keys import VisitorKeys
from url_manifests.outcomes import KeyState, Outcome, Result, RunInfo
from url_manifests.traces import HEADER_LIST_PREFIX, KeyKind

from .tickets import HOST, warm

PROFILE = {"User-Agent": "Chrome", "Accept-Encoding": "gzip, br", "Accept-Language": "en-US,en;q=0.9"}
STORED, GONE = Result.STORED, Result.NOT_STORED


def warmed(target: str, *, headers: dict[str, str] = PROFILE, **fields) -> Outcome:
    """The outcome of a page that was asked for twice."""
    warm(target, headers=headers)
    trace = warm(target, headers=headers).trace
    assert trace.page_hit
    keys = tuple(KeyState(alias=k.alias, key=k.key, version=k.version, kind=k.kind, result=STORED) for k in trace.keys)
    return Outcome(url=target, profile="chrome", result=STORED, page=STORED, weight=1, keys=keys, **fields)


def check(*outcomes: Outcome, profile: dict[str, str] = PROFILE) -> tuple[list[Outcome], Tally]:
    run = RunInfo(run_id="r", env="e", public_url=f"http://{HOST}", extra={"profiles": {"chrome": profile}})
    tally = Tally()
    return list(cross_check(outcomes, tally, VisitorKeys(run))), tally


def header_list(outcome: Outcome) -> str:
    return next(state.key for state in outcome.keys if state.key.startswith(HEADER_LIST_PREFIX))


@pytest.mark.parametrize("backend", ["db", "redis", "memcached"], indirect=True)
@pytest.mark.parametrize("target", ["/page/", "/page/?b=2&a=1", "/by_agent/", "/touches_user/"])
def test_visitors_are_led_to_what_was_warmed(site, backend, target):
    (now,), tally = check(warmed(target))
    assert (now.result, tally.document()["keys"]["present"]) == (STORED, 2)


@pytest.mark.parametrize("backend", ["db", "redis", "memcached"], indirect=True)
def test_a_list_of_headers_that_was_replaced(site, backend):
    outcome = warmed("/page/")
    caches["default"].set(header_list(outcome), ["HTTP_X_VARIANT"], 60)
    (now,), tally = check(outcome)
    assert (now.result, now.reason, now.page, now.detail) == (GONE, "key-differs", GONE, "now varies on HTTP_X_VARIANT")
    assert tally.document()["keys"]["unreachable"] == 1
    assert warm("/page/", headers=PROFILE).trace.page_hit is False  # that is what visitors meet


def test_headers_that_a_proxy_changes_prove_nothing_until_they_did(site):
    other = {**PROFILE, "User-Agent": "changed on its way"}
    changed, same = warmed("/by_agent/", headers=other), warmed("/by_agent/?same")
    assert [now.result for now in check(changed)[0]] == [STORED]
    assert [now.result for now in check(same, changed)[0]] == [STORED, GONE]


def test_an_unknown_profile_or_absolute_uri_proves_nothing(site):
    outcome = warmed("/by_agent/")
    assert [now.result for now in check(outcome, profile="nonsense")[0]] == [STORED]
    caches["default"].set(header_list(outcome), ["HTTP_COOKIE"], 60)
    elsewhere = Outcome(url="/another/", profile="chrome", result=STORED, page=STORED, weight=1, keys=outcome.keys)
    assert [now.result for now in check(elsewhere)[0]] == [STORED]


@pytest.mark.parametrize(("lost", "result"), [((), STORED), (("a",), STORED), (("b",), STORED), (("a", "b"), GONE)])
@pytest.mark.parametrize("prefix", [HEADER_LIST_PREFIX, PAGE_BODY_PREFIX])
def test_one_whole_copy_of_two_is_enough(settings, configure, lost, result, prefix):
    settings.CACHES = {name: {**configure("redis"), "KEY_PREFIX": f"two-{name}"} for name in ("a", "b")}
    settings.CACHES["default"] = settings.CACHES["a"]
    names = [f"{HEADER_LIST_PREFIX}.x", f"{PAGE_BODY_PREFIX}.GET.x"]
    keys = []
    for alias in ("a", "b"):
        caches[alias].set_many(dict(zip(names, (["HTTP_ACCEPT"], HttpResponse("page")), strict=True)), 60)
        keys += [KeyState(alias=alias, key=key, kind=KeyKind.PAGE, result=STORED) for key in names]
    for alias in lost:
        caches[alias].delete(next(name for name in names if name.startswith(prefix)))
    (now,), tally = check(Outcome(url="/x/", result=STORED, page=STORED, weight=1, keys=tuple(keys)))
    assert (now.result, len(tally.examples)) == (result, len(lost))


@pytest.mark.parametrize(("expires_at_s", "reason"), [(1.0, "expired"), (None, "evicted"), (9e12, "evicted")])
def test_what_ended_by_itself_is_told_apart(site, expires_at_s, reason):
    outcome = warmed("/page/", expires_at_s=expires_at_s)
    caches["default"].clear()
    assert [now.reason for now in check(outcome)[0]] == [reason]
