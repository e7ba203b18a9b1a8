"""A few words declare the situations that visitors are in."""

from __future__ import annotations

import pytest

from django_hooks.warmers import FragmentContext
from django_hooks.warmers.fragments import declared_fragments
from django_hooks.warmers.variants import multiplied
from url_manifests.errors import ConfigurationError

FRAGMENT = {"template": "base.html", "fragment": "category_menu"}


def groups():
    yield from ("public", "trade")


def seen(contexts):
    return [(context.language, context.time_zone, dict(context.values)) for context in contexts]


def test_each_context_in_each_language_zone_and_group():
    made = multiplied(
        [{"shop": 1}, {"shop": 2}],
        languages="all",
        time_zones=["Europe/Berlin", "Asia/Tokyo"],
        values={"group": groups},
    )
    expected = [
        (language, zone, {"shop": shop, "group": group})
        for shop in (1, 2)
        for language in ("en", "de")
        for zone in ("Europe/Berlin", "Asia/Tokyo")
        for group in ("public", "trade")
    ]
    assert seen(made) == expected


def test_what_a_context_says_itself_is_left_as_it_is():
    context = FragmentContext(language="de", values={"group": "staff"})
    made = multiplied([context, {}], languages=["en"], values={"group": ["public", "trade"]})
    assert seen(made) == [
        ("de", "", {"group": "staff"}),
        ("en", "", {"group": "public"}),
        ("en", "", {"group": "trade"}),
    ]


def test_without_axes_a_context_is_one():
    assert seen(multiplied([{"a": 1}])) == [("", "", {"a": 1})]


def test_contexts_are_asked_for_one_by_one():
    endless = ({"number": number} for number in iter(int, 1))
    assert next(multiplied(endless, languages="all")).language == "en"


@pytest.mark.django_db
def test_settings_declare_variants(settings):
    values = {"group": f"{__name__}.groups"}
    settings.CACHE_WARMING = {"FRAGMENTS": [{**FRAGMENT, "languages": ["de", "en"], "values": values}]}
    (warmer,) = declared_fragments()
    assert len({entry.key for entry in warmer.entries()}) == 2  # The key of this fragment knows no group.
    assert len(list(warmer.entries())) == 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"languages": "de"}, "languages must be a list, is str"),
        ({"languages": ["dd"]}, "languages: 'dd' is unknown; known: de, en"),
        ({"time_zones": ["Berlin"]}, "time_zones: 'Berlin' is unknown"),
        ({"values": ["public"]}, "values must be a dict, is list"),
        ({"values": {"group": 7}}, "values of 'group' must be a list, is int"),
        ({"values": {"group": "nowhere.groups"}}, "values of 'group': No module named 'nowhere'"),
    ],
)
def test_a_wrong_declaration_is_named(settings, changed, words):
    settings.CACHE_WARMING = {"FRAGMENTS": [{**FRAGMENT, **changed}]}
    with pytest.raises(ConfigurationError, match=words):
        list(declared_fragments())
