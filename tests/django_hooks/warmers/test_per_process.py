"""What a command cannot warm is pointed out by its name."""

from __future__ import annotations

import functools
import sys
from types import ModuleType

import pytest
from django.contrib.contenttypes.models import ContentType

from django_hooks.warmers import per_process
from tests.django_hooks.commands import command

SOURCE = """
import functools

@functools.lru_cache(maxsize=8)
def rates(currency): ...

def wrapped(size): ...
wrapped = functools.cache(wrapped)

class Shop:
    @functools.cache
    def name(self): ...

    @staticmethod
    @functools.cache
    def vat(): ...

    @property
    def plain(self): ...

def plain(): ...
"""


@pytest.fixture(params=["example.catalogue.rates", "elsewhere.rates"])
def module(request, monkeypatch):
    made = ModuleType(request.param)
    made.__file__ = "/srv/shop/rates.py"
    exec(SOURCE, vars(made))
    made.borrowed = functools.cache(len)
    monkeypatch.setitem(sys.modules, request.param, made)
    return made


def test_each_functools_cache_of_the_project_is_found(module):
    names = {found.name.removeprefix(f"{module.__name__}.") for found in per_process.find()}
    expected = {"rates", "wrapped", "Shop.name", "Shop.vat"} if module.__name__.startswith("example.") else set()
    assert names & {"rates", "wrapped", "Shop.name", "Shop.vat", "borrowed", "plain", "Shop.plain"} == expected


def test_what_others_wrote_is_left_aside(module):
    module.__file__ = "/srv/venv/lib/python3.13/site-packages/shop/rates.py"
    assert not any(found.name.startswith(module.__name__) for found in per_process.find())


@pytest.mark.parametrize("module", ["example.catalogue.rates"], indirect=True)
def test_the_list_points_them_out(module, db):
    code, text, _ = command("--list")
    assert code == 0
    advice = "each worker fills its own; @cached keeps it where all see it"
    assert f"per process: example.catalogue.rates.rates (functools cache): {advice}" in text.splitlines()
    assert "per process: ContentType.objects (content types): " in text


@pytest.mark.django_db
def test_djangos_own_are_filled_where_it_is_called(django_assert_num_queries):
    ContentType.objects.clear_cache()
    with django_assert_num_queries(1):
        per_process.fill_django()
    with django_assert_num_queries(0):
        ContentType.objects.get_for_model(ContentType)
        ContentType.objects.get_by_natural_key("auth", "user")
