"""A warmed fragment is byte for byte what the template itself would have stored, under its key, for its time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.cache import cache, caches
from django.template import loader
from django.utils import timezone, translation

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import FragmentContext, FragmentWarmer
from django_hooks.warmers.cache_nodes import FoundFragment, find_fragments
from django_hooks.warmers.checks import check_warmers
from django_hooks.warmers.fragments import declared_fragments
from url_manifests.errors import ConfigurationError
from url_manifests.outcomes import Result

STAFF = SimpleNamespace(name="staff")


@pytest.fixture
def templates(settings, backend, configure):
    settings.CACHES = {**settings.CACHES, "other": {**configure("db"), "KEY_PREFIX": "other"}}
    options = {"context_processors": ["django.template.context_processors.request"]}
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).parent / "templates"],
            "OPTIONS": options,
        }
    ]
    return settings


def warmer(fragment, *contexts, template="warming/base.html"):
    attributes = {"name": fragment, "template_name": template, "fragment_name": fragment}
    return type("Made", (FragmentWarmer,), {**attributes, "contexts": lambda self: contexts})()


def run(*warmers, **options):
    return list(Engine(RunOptions(**options)).run(warmers))


def results(outcomes):
    return [(outcome.result, outcome.reason) for outcome in outcomes]


@pytest.mark.parametrize("backend", ["db", "django-redis", "redis", "memcached", "file"], indirect=True)
def test_what_is_warmed_is_what_the_template_reads(templates, backend):
    contexts = [FragmentContext(values={"group": STAFF, "text": "<i>"}, language=code) for code in ("en", "de")]
    assert results(run(warmer("menu", *contexts))) == [(Result.STORED, "")] * 2
    with translation.override("de"):
        values = {"LANGUAGE_CODE": "de", "group": STAFF, "text": "changed since"}
        page = loader.get_template("warming/base.html").render(values)
    assert page.startswith("<b>de staff &lt;i&gt;</b>")
    assert results(run(warmer("menu", *contexts))) == [(Result.ALREADY_WARM, "")] * 2


def test_alias_timeout_time_zone_and_request_are_the_nodes_own(templates, rf):
    situation = FragmentContext(values={"zone_name": "x"}, time_zone="Asia/Tokyo", request=rf.get("/here/"))
    made = warmer("zone", situation, template="warming/child.html")
    (entry,) = made.entries()
    assert (entry.alias, entry.timeout) == ("other", 30)
    assert results(run(made)) == [(Result.STORED, "")]
    assert caches["other"].get(entry.key) == "Asia/Tokyo /here/"
    assert cache.get(entry.key) is None
    assert timezone.get_current_timezone_name() == "Europe/Berlin"


def test_timeouts_of_none_and_zero_are_kept(templates):
    (forever,) = warmer("forever", {}).entries()
    assert forever.timeout is None
    assert results(run(warmer("forever", {}), warmer("never", {}))) == [
        (Result.STORED, ""),
        (Result.NOT_STORED, "timeout-0"),
    ]


def test_fragments_have_an_alias_of_their_own_if_there_is_one(templates, configure):
    templates.CACHES = {**templates.CACHES, "template_fragments": configure("db")}
    (entry,) = warmer("forever", {}).entries()
    assert entry.alias == "template_fragments"


def test_a_context_that_lacks_a_name_of_the_key_is_reported_and_the_others_go_on(templates):
    outcomes = run(warmer("menu", {"text": ""}, {"group": None, "text": ""}))
    assert results(outcomes) == [(Result.FAILED, "bad-entry"), (Result.STORED, "")]
    assert outcomes[0].detail.startswith("the context lacks 'group': give it, a request, ")


def test_a_fragment_or_template_that_is_not_there_is_named(templates):
    outcomes = run(warmer("meno", {}), warmer("menu", {}, template="warming/nowhere.html"))
    assert results(outcomes) == [(Result.FAILED, "compute-failed")] * 2
    assert "'meno' is unknown; did you mean 'menu'?" in outcomes[0].detail
    assert "warming/nowhere.html" in outcomes[1].detail


def test_all_fragments_are_found_and_broken_templates_named(templates):
    findings = find_fragments()
    assert findings.fragments == [
        FoundFragment("warming/base.html", "menu", ("LANGUAGE_CODE", 'group.name|default:""')),
        FoundFragment("warming/base.html", "forever", ()),
        FoundFragment("warming/base.html", "never", ()),
        FoundFragment("warming/child.html", "zone", ("zone_name",)),
    ]
    assert findings.broken.keys() == {"warming/broken.html"}
    assert "'nowhere' is not a registered tag library" in findings.broken["warming/broken.html"]


def test_templates_of_a_dict_are_found_too(templates):
    source = {"dict.html": "{% load cache %}{% cache 1 inside x %}{% endcache %}"}
    loaders = [("django.template.loaders.locmem.Loader", source)]
    options = {"loaders": [("django.template.loaders.cached.Loader", loaders)]}
    templates.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": options}]
    assert find_fragments().fragments == [FoundFragment("dict.html", "inside", ("x",))]


def some_contexts():
    yield {"group": STAFF, "text": ""}


@pytest.mark.parametrize("contexts", [f"{__name__}.some_contexts", [{"group": STAFF, "text": ""}]])
def test_settings_declare_fragments(templates, contexts):
    declaration = {"template": "warming/base.html", "fragment": "menu", "contexts": contexts, "priority": 3}
    templates.CACHE_WARMING = {"FRAGMENTS": [declaration]}
    (declared,) = declared_fragments()
    assert (declared.name, declared.priority) == ("warming/base.html:menu", 3)
    assert results(run(declared)) == [(Result.STORED, "")]


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ("menu", "must be a dict, is str"),
        ({"template": "a", "fragment": "b", "context": []}, "'context' is unknown; did you mean 'contexts'"),
        ({"template": "a"}, "needs 'fragment'"),
        ({"template": "a", "fragment": "b", "contexts": 7}, "contexts must be a list of dicts"),
        ({"template": "a", "fragment": "b", 5: 1, "q": 2}, "'5' is unknown"),
        ({"template": "a", "fragment": "b", "languages": [[]]}, r"'\[\]' is unknown"),
        ({"template": "a", "fragment": "b", "contexts": [5]}, "contexts must be a list of dicts"),
        ({"template": "a", "fragment": "b", "priority": "x"}, "priority must be a whole number, is 'x'"),
        ({"template": "a", "fragment": "b", "name": 5}, "name must be text, is 5"),
        ({"template": "a", "fragment": "b", "name": ""}, "name must be text, is ''"),
        ({"template": "a", "fragment": "b", "contexts": "nowhere.contexts"}, "No module named 'nowhere'"),
    ],
)
def test_a_wrong_declaration_is_named(templates, declaration, words):
    templates.CACHE_WARMING = {"FRAGMENTS": [declaration]}
    with pytest.raises(ConfigurationError, match=words) as caught:
        list(declared_fragments())
    assert "CACHE_WARMING['FRAGMENTS'][0]" in str(caught.value)
    assert [message.msg for message in check_warmers()] == [f"{caught.value}."]


def test_two_declarations_of_one_name_are_found(settings):
    fragment = {"template": "a", "fragment": "b"}
    settings.CACHE_WARMING = {"FRAGMENTS": [fragment, fragment], "ROWS": [{"model": "auth.Group"}] * 2}
    found = [(message.id, message.msg) for message in check_warmers()]
    assert found == [
        ("cache_warming.E009", f"CACHE_WARMING declares 2 warmers of the name {name!r}; give each a 'name' of its own.")
        for name in ("a:b", "auth.group")
    ]
