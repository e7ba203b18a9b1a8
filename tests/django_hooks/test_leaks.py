"""Ways to poison a cache with one persona's content: each is caught, deleted and reported, and nothing else is."""

from __future__ import annotations

import gzip

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.test import Client

from django_hooks import middleware
from django_hooks.models import PersonalEntry
from django_hooks.personas import mint, notes
from django_hooks.personas.markers import Markers, UnsearchableError
from url_manifests.traces import KeyEvent

from . import poison
from .tickets import HOST, warm

AUTH = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)
UPDATE, FETCH = (f"django.middleware.cache.{name}CacheMiddleware" for name in ("Update", "FetchFrom"))
OWN = "tests.django_hooks.poison."


@pytest.fixture
def shop(site, django_user_model):
    """Two personas with sessions, and the poisonous views."""
    site.ROOT_URLCONF = "tests.django_hooks.poison"
    site.CACHES = {**site.CACHES, "pages": {**site.CACHES["default"], "KEY_PREFIX": "pages"}}
    site.MIDDLEWARE = [middleware.PATH, *AUTH]
    site.CACHE_WARMING = {
        **site.CACHE_WARMING,
        "PERSONAS": {"north": {"username": "persona-north", "markers": ["Nina Nørd"]},
                     "south": {"username": "persona-south"}},
    }  # fmt: skip
    for name in ("north", "south"):
        django_user_model.objects.create_user(f"persona-{name}", f"{name}@shop.example", first_name="Nina")
    return site


@pytest.fixture
def sign_in(shop):
    sessions = mint().sessions

    def make(role):
        client = Client()
        if role:
            client.cookies[shop.SESSION_COOKIE_NAME] = sessions[role]
        return client

    return make


def visit(sign_in, target, *roles, headers=None):
    return [warm(target, client=sign_in(role), headers=headers) for role in roles]


def leaks(answers):
    return [leak["persona"] for answer in answers for leak in answer.trace.extra.get("leak", ())]


IN_CACHE_MIDDLEWARE = (UPDATE, *AUTH, FETCH)

BATTERY = [
    pytest.param("/page/", AUTH, {}, id="cache_page before Vary: Cookie is added"),
    pytest.param("/page_in_second_alias/", AUTH, {}, id="a page in a second alias"),
    pytest.param("/page_as_json/", AUTH, {}, id="a page with a prefix, the name escaped in JSON"),
    pytest.param("/bare/", (UPDATE, *AUTH, f"{OWN}strip_cookies", FETCH), {}, id="cookie stripped by a proxy"),
    pytest.param("/bare/", (UPDATE, f"{OWN}drop_vary", *AUTH, FETCH), {}, id="Vary removed by a middleware"),
    pytest.param(
        "/bare/",
        (UPDATE, "django.middleware.gzip.GZipMiddleware", f"{OWN}drop_vary", *AUTH, FETCH),
        {},
        id="compressed",
    ),
    pytest.param(
        "/bare/",
        (UPDATE, *AUTH, f"{OWN}user_from_proxy", FETCH),
        {"x-remote-name": "persona-north"},
        id="user set without a session",
    ),
    pytest.param("/fragment/", AUTH, {}, id="fragment without vary_on"),
    pytest.param("/low_level/", AUTH, {}, id="cache.set under a shared key"),
    pytest.param("/written_unseen/", AUTH, {}, id="cache.set without a look"),
    pytest.param("/user_object/", AUTH, {}, id="get_or_set of the user"),
    pytest.param("/many_values/", AUTH, {}, id="set_many of a dict with the address"),
    pytest.param("/versioned/", AUTH, {}, id="bytes under a version"),
    pytest.param("/asynchronous/", AUTH, {}, id="asynchronous view, second alias"),
    pytest.param("/redirect/", AUTH, {}, id="redirect to the user's page"),
]
MARKERS = ("persona-north", "persona-south", "north@shop.example", "N\\u00f8rd", "Nørd")


@pytest.mark.parametrize("backend", ["db", "django-redis", "file"], indirect=True)
@pytest.mark.parametrize(("target", "inner", "headers"), BATTERY)
@pytest.mark.parametrize("next_visitors", [("",), ("south", "")], ids=["anonymous", "persona"])
def test_a_poisoned_entry_is_caught_deleted_and_reported(shop, sign_in, backend, target, inner, headers, next_visitors):
    shop.MIDDLEWARE = [middleware.PATH, *inner]
    by_proxy = bool(headers)
    plain = {"accept-encoding": "gzip"}
    poisoner = warm(target, client=sign_in("" if by_proxy else "north"), headers={**headers, **plain})
    answers = [poisoner, *visit(sign_in, target, *next_visitors, headers=plain)]
    told = [leak for answer in answers for leak in answer.trace.extra.get("leak", ())]
    # The second persona may poison the same entry once more; nothing of it is anybody else's in the end.
    assert {leak["persona"] for leak in told} <= {"north", "south"}
    assert told[0]["alias"] in shop.CACHES
    assert poisoner.trace.extra["persona"] == "north"
    assert "leak" in {answer.trace.reason for answer in answers}
    assert not any("kept" in leak for leak in told)
    after = Client().get(target, headers={"host": HOST, **plain})
    shown = str(gzip.decompress(after.content) if after.get("Content-Encoding") else after.content, "utf-8")
    assert not any(marker in shown + after.get("Location", "") for marker in MARKERS)
    assert not any(marker in str(told) for marker in MARKERS)


def test_what_is_deleted_is_not_told_as_kept(sign_in):
    poisoner, again = visit(sign_in, "/page/", "north", "north")
    assert poisoner.pages == again.pages == [KeyEvent.LOST, KeyEvent.LOST]
    assert poisoner.trace.extra["route"] == "page/"


@pytest.mark.parametrize("target", ["/told_apart/", "/by_group/"])
def test_what_is_rightly_shared_or_told_apart_is_left_alone(sign_in, target):
    answers = visit(sign_in, target, "north", "south", "", "north", "south", "")
    assert leaks(answers) == []
    assert all(KeyEvent.HIT in (*answer.pages, *answer.parts) for answer in answers[3:])


def test_a_name_that_others_computed_is_public(sign_in):
    answers = visit(sign_in, "/review/", "", "north", "south", "")
    assert leaks(answers) == []
    assert [answer.trace.extra.get("seen") for answer in answers] == [["north"], None, ["north"], ["north"]]


def test_a_public_name_that_the_persona_computed_is_cleared_by_the_next_visitor(sign_in):
    answers = visit(sign_in, "/review/", "north", "", "", "south")
    assert leaks(answers) == ["north"]
    assert [bool(answer.trace.extra.get("cleared")) for answer in answers] == [False, False, True, False]
    assert answers[3].parts == [KeyEvent.HIT]


def test_what_somebody_else_has_stored_anew_is_nobodys(sign_in):
    visit(sign_in, "/low_level/", "north")
    cache.set("greeting", "Hello, anybody")
    assert leaks(visit(sign_in, "/low_level/", "", "south")) == []


def test_without_the_notes_what_is_personal_is_not_kept(sign_in, monkeypatch):
    def down(digests, role):
        raise DatabaseError("read-only")

    monkeypatch.setattr(notes, "note", down)
    (answer,) = visit(sign_in, "/low_level/", "north")
    assert (answer.parts, answer.trace.extra["error"]) == ([KeyEvent.LOST], {"DatabaseError": 1})
    assert cache.get("greeting") is None
    assert leaks([answer]) == []


def test_notes_hold_neither_keys_nor_names(sign_in):
    visit(sign_in, "/low_level/", "north")
    (row,) = PersonalEntry.objects.values_list()
    assert not any("greeting" in str(value) or "persona" in str(value) for value in row)


def test_an_account_that_is_no_persona_is_told_and_its_pages_are_looked_at(sign_in, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_user("somebody-else"))
    answer = warm("/page/", client=client)
    assert (answer.trace.extra["persona"], leaks([answer])) == ("?", ["?"])


@pytest.mark.parametrize(("field", "word"), [("is_superuser", "superuser"), ("is_staff", "staff")])
def test_a_persona_that_became_more_is_turned_away(sign_in, django_user_model, field, word):
    django_user_model.objects.filter(username="persona-north").update(**{field: True})
    (answer,) = visit(sign_in, "/low_level/", "north")
    assert (answer.response.status_code, answer.trace.reason) == (403, "persona-refused")
    assert answer.trace.extra["refused_as"] == word
    assert cache.get("greeting") is None


def test_a_superuser_by_a_proxys_header_leaves_nothing(shop, sign_in, django_user_model):
    shop.MIDDLEWARE = [middleware.PATH, *AUTH, f"{OWN}user_from_proxy"]
    django_user_model.objects.filter(username="persona-north").update(is_superuser=True)
    answer = warm("/low_level/", headers={"x-remote-name": "persona-north"})
    assert (answer.response.status_code, answer.trace.reason, answer.parts) == (403, "persona-refused", [KeyEvent.LOST])
    assert cache.get("greeting") is None


def test_asking_who_it_is_does_not_change_the_pages_key(shop, sign_in):
    shop.MIDDLEWARE = [middleware.PATH, UPDATE, *AUTH, FETCH]
    warm("/by_group/", client=sign_in("north"))
    assert warm("/by_group/", client=sign_in("south")).trace.page_hit
    assert warm("/by_group/").trace.page_hit


def test_markers_are_long_unique_and_at_word_boundaries():
    markers = Markers(
        {"a": ["persona-trade", "Ann", "Ada Common"], "b": ["persona-trade-plus", "Ada Common", "o'brian"]}
    )
    assert markers.found_in("Hi, persona-trade!") == {"a"}
    assert markers.found_in("PERSONA-TRADE-PLUS") == {"b"}
    assert markers.found_in("superpersona-tradesman, Ann, Ada Common") == frozenset()
    assert markers.found_in("<b>o&#x27;brian</b>") == {"b"}
    assert markers.found_in({"who": ["persona-trade"]}) == {"a"}
    assert markers.found_in("x" * 100 + "persona-trade") == frozenset()
    assert markers.found_in({"who": "x" * 64 + " persona-trade"}) == {"a"}
    assert [markers.found_in(value) for value in (1, 1.5, None, True)] == [frozenset()] * 4
    with pytest.raises(UnsearchableError):
        markers.found_in(lambda: None)
    assert Markers({}).found_in("anything") == frozenset()


def test_views_are_all_in_the_battery():
    used = {target.strip("/") for target, *_ in (param.values for param in BATTERY)}
    assert {view.__name__ for view in poison.VIEWS} - used == {"told_apart", "review", "by_group"}
