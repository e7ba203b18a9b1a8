"""Names are unique, choices are checked, and a module that breaks does not take the others with it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.apps import AppConfig, apps

from django_hooks.warmers import CacheEntry, Category, Registry, Warmer, register, registry
from django_hooks.warmers.registry import DuplicateWarmerError, project_warmers
from url_manifests.errors import ConfigurationError, UnknownNameError


def made(name, **attributes):
    return type("Made", (Warmer,), {"name": name, **attributes})()


@pytest.fixture
def own(monkeypatch):
    """The project's registry, empty, and not discovered."""
    registry.discover()  # Or what is imported for the first time within the test would register here.
    monkeypatch.setattr(registry, "_warmers", {})
    monkeypatch.setattr(registry, "broken", {})
    monkeypatch.setattr(registry, "_is_discovered", False)
    return registry


def names(warmers):
    return [warmer.name for warmer in warmers]


def test_the_most_important_goes_first_then_by_name():
    some = Registry()
    for warmer in (made("b"), made("c", priority=1), made("a")):
        some.add(warmer)
    assert names(some) == ["c", "a", "b"]


def test_a_function_or_a_class_is_registered_and_stays_what_it_was(own):
    @register("function", timeout=30, priority=2)
    def entries():
        yield CacheEntry(key="k", value=1)

    @register
    class Own(Warmer):
        name = "class"

    function, klass = own
    assert (function.name, function.timeout, klass.name) == ("function", 30, "class")
    assert list(function.entries()) == list(entries()) == [CacheEntry(key="k", value=1)]
    assert isinstance(klass, Own)
    with pytest.raises(NotImplementedError):
        klass.entries()


def test_duplicates_and_nameless_are_refused_with_both_places(own):
    @register("same")
    def one():
        yield from ()

    with pytest.raises(DuplicateWarmerError, match=r"registered twice: .*one and .*two"):

        @register("same")
        def two():
            yield from ()

    with pytest.raises(ConfigurationError, match="a warmer needs a name"):
        own.add(made(""))


@pytest.mark.parametrize(
    ("only", "exclude", "chosen"),
    [
        ([], [], ["menu", "report", "rows"]),
        (["menu"], [], ["menu"]),
        (["computed"], [], ["report", "rows"]),
        (["menu", "computed"], ["rows"], ["menu", "report"]),
        ([], ["fragments"], ["report", "rows"]),
    ],
)
def test_names_and_categories_choose(only, exclude, chosen):
    some = Registry()
    for warmer in (made("menu", category=Category.FRAGMENTS), made("report"), made("rows")):
        some.add(warmer)
    assert names(some.select(only, exclude)) == chosen


@pytest.mark.parametrize(("only", "chosen"), [("shop", ["shop.a:x", "shop.b"]), ("shop.a", ["shop.a:x"])])
def test_what_several_names_begin_with_chooses_them(only, chosen):
    some = Registry()
    for warmer in (made("shop.a:x"), made("shop.b"), made("shopping")):
        some.add(warmer)
    assert names(some.select([only])) == chosen


@pytest.mark.parametrize(("only", "exclude", "option"), [(["mneu"], [], "--only"), ([], ["mneu"], "--exclude")])
def test_an_unknown_name_gets_the_nearest(only, exclude, option):
    some = Registry()
    some.add(made("menu"))
    with pytest.raises(UnknownNameError, match=f"{option}: 'mneu' is unknown; did you mean 'menu'"):
        some.select(only, exclude)


def test_a_warmers_module_that_breaks_is_named_and_the_others_are_there(own, settings, monkeypatch, tmp_path):
    settings.CACHE_WARMING = {}
    for name, source in {
        "sound_app": "from django_hooks.warmers import register\n@register('sound')\ndef w():\n    yield from ()\n",
        "broken_app": "import nowhere_at_all\n",
        "second_app": "from django_hooks.warmers import register\n@register('sound')\ndef other(): ...\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "warmers.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    configs = [AppConfig.create(name) for name in ("broken_app", "sound_app", "second_app")]
    monkeypatch.setattr(apps, "get_app_configs", lambda: [*configs, apps.get_app_config("cache_warming")])
    everything = project_warmers()
    assert names(everything) == ["sound"]
    assert everything.broken == {
        "broken_app.warmers": "ModuleNotFoundError: No module named 'nowhere_at_all'",
        "second_app.warmers": "DuplicateWarmerError: sound: is registered twice: "
        "sound_app.warmers.w and second_app.warmers.other",
    }
    for name in ("sound_app", "sound_app.warmers", "broken_app", "second_app"):
        assert isinstance(sys.modules.pop(name), ModuleType)


def test_the_example_registers_its_own():
    assert {"dashboard:top_products", "category-menu", "footer"} <= set(names(project_warmers()))
