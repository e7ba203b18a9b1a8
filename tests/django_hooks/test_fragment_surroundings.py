"""A fragment is warmed as its page renders it: within the tags around it, and with all names that a page has."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.cache import cache
from django.core.cache.utils import make_template_fragment_key
from django.core.checks import run_checks
from django.template import Library, loader

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import FragmentContext, FragmentWarmer
from django_hooks.warmers.fragments import declared_fragments
from url_manifests.outcomes import Result

LOAD = "{% load cache i18n l10n tz %}"
URL = "https://shop.example/en/?page=2"
VALUES = {
    "html": "<b>&</b>",
    "number": 1234567.5,
    "when": dt.datetime(2026, 1, 1, 12, 0, tzinfo=dt.UTC),
    "x": 5,
    "xs": ["p", "q"],
    "person": {"name": "Ada"},
}
register = Library()


def brand(request):
    return {"brand": "Gazette", "host": request.get_host(), "path": request.get_full_path()}


@register.inclusion_tag("box.html")
def box(text):
    return {"text": text}


@register.inclusion_tag("form.html")
def form():
    return {}


@register.simple_tag(takes_context=True)
def where(context):
    request = context.get("request")
    return request.path if request else "nowhere"


@pytest.fixture
def page(settings, backend, rf):
    """Set the templates of a site, the one named ``page.html`` to this; gives what a visitor's rendering stores."""

    def make(source, **others):
        sources = {"page.html": LOAD + source, "box.html": "[{{ text }}{{ nothing }}]", **others}
        processors = ("django.template.context_processors.request", f"{__name__}.brand")
        settings.TEMPLATES = [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [("django.template.loaders.locmem.Loader", sources)],
                    "context_processors": processors,
                    "builtins": [__name__],
                },
            }
        ]

        def visitor(key, values=VALUES, template="page.html"):
            request = rf.get("/en/?page=2", secure=True, headers={"host": "shop.example"})
            loader.get_template(template).render(dict(values), request)
            stored = cache.get(key)
            cache.clear()
            return stored

        return visitor

    settings.ALLOWED_HOSTS = ["shop.example"]
    settings.TIME_ZONE = "Europe/Berlin"
    return make


def warmer(*contexts, **attributes):
    attributes = {"name": "f", "template_name": "page.html", "fragment_name": "f", **attributes}
    return type("Made", (FragmentWarmer,), {**attributes, "contexts": lambda self: contexts or [VALUES]})()


def run(made):
    return list(Engine(RunOptions()).run([made]))


def key(*vary_on):
    return make_template_fragment_key("f", vary_on)


def assert_warm(visitor, made, *vary_on):
    expected = visitor(key(*vary_on))
    assert expected
    outcomes = run(made)
    assert [outcome.result for outcome in outcomes] == [Result.STORED], outcomes[0].detail
    assert cache.get(key(*vary_on)) == expected


def problem(made):
    (outcome,) = run(made)
    assert (outcome.result, outcome.reason) == (Result.FAILED, "bad-entry")
    assert cache.get(key()) is None
    return outcome.detail


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "around",
    [
        "{% autoescape off %}…{% endautoescape %}",
        "{% autoescape on %}{% autoescape off %}…{% endautoescape %}{% endautoescape %}",
        '{% language "de" %}…{% endlanguage %}',
        '{% language "de" %}{% get_current_language as code %}…{% endlanguage %}',
        '{% language "de" %}{% localize off %}…{% endlocalize %}{% endlanguage %}',
        '{% timezone "Asia/Tokyo" %}…{% endtimezone %}',
        '{% timezone "Asia/Tokyo" %}{% get_current_timezone as code %}…{% endtimezone %}',
        "{% localtime off %}…{% endlocaltime %}",
        "{% if x %}{% with html='<i>' x=x|add:1 %}…{% endwith %}{% endif %}",
        "{% with unread=only_a_view_knows %}…{% endwith %}",
        "{% for x in xs %}{% if forloop.first %}{% autoescape off %}…{% endautoescape %}{% endif %}{% endfor %}",
    ],
)
def test_what_stands_around_a_fragment_counts(page, settings, around, debug):
    settings.DEBUG = debug
    body = '{{ html }} {% translate "Yes" %} {{ number }} {{ when|date:"H:i" }} {{ when }} {{ x }} {{ code }}'
    visitor = page(around.replace("…", f"{{% cache 60 f %}}{body}{{% endcache %}}"))
    x = "p" if "for x" in around else 5
    assert_warm(visitor, warmer({**VALUES, "x": x}, absent=[] if "as code" in around else ["code"]))


def test_the_key_and_the_timeout_are_read_there_too(page):
    visitor = page("{% with y=x t=50 %}{% cache t f y y|add:x %}[{{ y }}]{% endcache %}{% endwith %}")
    assert_warm(visitor, warmer(), 5, 10)
    (entry,) = warmer().entries()
    assert entry.timeout == 50


def test_a_name_of_the_key_in_another_language(page):
    visitor = page(
        '{% language "de" %}{% get_current_language as code %}'
        "{% cache 60 f code %}{{ code }}{% endcache %}{% endlanguage %}"
    )
    assert_warm(visitor, warmer({}), "de")


@pytest.mark.parametrize(
    "body",
    [
        "{% for x in xs %}{{ forloop.counter }}{{ x }}{% endfor %}",
        "{% for a in xs %}{% for b in xs %}{{ forloop.parentloop.counter }}{% endfor %}{% endfor %}",
        "{% for x in xs %}{% ifchanged %}{{ x }}{% endifchanged %}{% cycle 'a' 'b' %}{% endfor %}",
        "{% if x and person.age %}a{% else %}b{% endif %}{{ person.age|default:'?' }}",
        "{% if not person.age or x == 3 %}a{% endif %}",
        "{% box html %}{% include 'box.html' with text=html only %}",
        "{% blocktranslate with name=person.name %}Hello {{ name }}{% endblocktranslate %}",
        "{% with a=1 b=x %}{{ a }}{{ b }}{% include 'part.html' %}{% endwith %}",
        "{% filter upper %}{{ person.name }}{% endfilter %}{% firstof person.age x %}{% regroup xs by a as g %}",
        "{% block inner %}{{ x }}{% endblock %}{% spaceless %}<i> {{ x }}</i>{% endspaceless %}",
    ],
)
def test_tags_within_a_fragment_work_as_ever(page, body):
    visitor = page(f"{{% cache 60 f %}}{body}{{% endcache %}}", **{"part.html": "{{ a }}-{{ html }}"})
    assert_warm(visitor, warmer(absent=["nothing"]))


BLIND = [
    ("{{ brand }}", "brand"),
    ("{% if brand %}a{% endif %}", "brand"),
    ("{% if not brand or x %}a{% endif %}", "brand"),
    ("{{ brand|default:'' }}", "brand"),
    ("{{ html|default:brand }}", "brand"),
    ("{% blocktranslate %}by {{ brand }}{% endblocktranslate %}", "brand"),
    ("{% include 'part.html' %}", "brand"),
    ("{% with b=brand %}{{ b }}{% endwith %}", "brand"),
    ("{% where %}", "request"),
]


@pytest.mark.parametrize(("body", "name"), BLIND)
def test_a_name_that_nobody_gives_is_named_and_nothing_is_stored(page, body, name):
    page(f"forever{{% cache None f %}}{body}{{% endcache %}}", **{"part.html": "{{ brand }}"})
    assert problem(warmer()).startswith(f"the context lacks {name!r}: give it, a request, if a context processor")


@pytest.mark.parametrize("body", [body for body, _ in BLIND])
def test_a_request_brings_what_context_processors_give(page, body):
    visitor = page(f"{{% cache None f %}}.{body}{{% endcache %}}", **{"part.html": "{{ brand }}"})
    assert_warm(visitor, warmer(request=URL))


def test_a_request_is_that_of_a_visitor_without_cookies(page):
    body = "{{ host }} {{ path }} {{ request.scheme }} {{ request.GET.page }}"
    visitor = page(f"{{% cache 60 f %}}{body}{{% endcache %}}")
    assert_warm(visitor, warmer(request=URL))
    page(
        "{% cache 60 f %}{{ request.user.is_anonymous }}{{ request.session.items|length }}"
        "{{ request.LANGUAGE_CODE }}{{ request.resolver_match.url_name }}{{ request.path }}{% endcache %}"
    )
    cache.clear()
    run(warmer(request=URL, languages=["de"]))
    assert cache.get(key()) == "True0dehome/de/"


def test_a_context_keeps_its_own_request(page, rf):
    page("{% cache 60 f %}{{ path }}{% endcache %}")
    run(warmer(FragmentContext(request=rf.get("/own/", headers={"host": "shop.example"})), request=URL))
    assert cache.get(key()) == "/own/"


def test_a_cache_tag_within_stores_nothing_that_lacks_a_name(page):
    page("{% cache 60 f %}{% cache 60 inner %}a{% if x == brand %}b{% endif %}{% endcache %}{% endcache %}")
    assert "'brand'" in problem(warmer())
    assert cache.get(make_template_fragment_key("inner")) is None


def test_names_that_pages_lack_too_may_be_looked_up_in_vain(page):
    body = "{{ query|default:'none' }}{% if query %}a{% endif %}{{ query }}"
    visitor = page(f"{{% cache 60 f query %}}{body}{{% endcache %}}")
    assert_warm(visitor, warmer(absent=["query"]), "")


def test_a_page_may_lack_its_language(page):
    visitor = page("{% cache 60 f LANGUAGE_CODE %}a{{ LANGUAGE_CODE }}{% endcache %}")
    assert_warm(visitor, warmer(absent=["LANGUAGE_CODE"]), "")


@pytest.mark.parametrize("tag", ["{% csrf_token %}", "{{ csrf_token }}", "{% form %}"])
@pytest.mark.parametrize("request_url", ["", URL])
def test_a_csrf_token_is_nobody_elses(page, tag, request_url):
    page(f"{{% cache 60 f %}}{tag}{{% endcache %}}", **{"form.html": "{% csrf_token %}"})
    assert "csrf token, which is one visitor's" in problem(warmer(request=request_url))


def test_a_block_of_the_page_above_is_named(page):
    block = "{% block main %}{% cache 60 f %}<{{ block.super }}>{% endcache %}{% endblock %}"
    sources = {
        "base.html": "{% block main %}base{% endblock %}",
        "child.html": f"{{% extends 'base.html' %}}{LOAD}{block}",
    }
    page("", **sources)
    assert "block.super" in problem(warmer(template_name="child.html"))


CHILD = (
    "{% extends 'middle.html' %}" + LOAD + "{% autoescape on %}{% cache 60 nowhere %}{% endcache %}{% endautoescape %}"
    '{% block main %}{% timezone "Asia/Tokyo" %}{% cache 60 f code %}{{ html }} {{ when|date:"H:i" }} {{ code }} '
    "{{ title }}{% endcache %}{% endtimezone %}{% endblock %}"
)


@pytest.mark.parametrize(
    ("base", "middle"),
    [
        ("{% block main %}{% endblock %}", ""),
        ("{% block main %}{% endblock %}", "{% block main %}{% autoescape off %}{% endautoescape %}{% endblock %}"),
        (
            "{% block outer %}{% endblock %}",
            "{% block outer %}{% with x=1 %}{% block main %}{% endblock %}{% endwith %}{% endblock %}",
        ),
        (
            "{% with title=person.name %}{% block outer %}{% endblock %}{% endwith %}",
            "{% block outer %}{% localize off %}{% block main %}{% endblock %}{% endlocalize %}{% endblock %}",
        ),
    ],
)
@pytest.mark.parametrize("parent", ["'base.html'", "'base.html'|lower"])
def test_what_stands_around_a_block_in_the_templates_above_counts(page, base, middle, parent):
    around = (
        '{% language "de" %}{% get_current_language as code %}{% autoescape off %}…{% endautoescape %}{% endlanguage %}'
    )
    sources = {
        "base.html": LOAD + around.replace("…", base),
        "middle.html": f"{{% extends {parent} %}}{LOAD}{middle}",
        "child.html": CHILD,
    }
    visitor = page("", **sources)
    made = warmer(template_name="child.html", absent=[] if "title" in base else ["title"])
    if "lower" in parent:
        assert "'code'" in problem(made)
        return
    expected = visitor(key("de"), template="child.html")
    assert expected.startswith("<b>&</b> 21:00 de")
    assert [outcome.result for outcome in run(made)] == [Result.STORED]
    assert cache.get(key("de")) == expected


def test_a_template_may_extend_one_of_its_own_name(page, settings, tmp_path):
    page("")
    sources = {
        "one": "{% extends 'a.html' %}"
        + LOAD
        + "{% block main %}{% cache 60 f %}{{ html }}{% endcache %}{% endblock %}",
        "two": "{% autoescape off %}{% block main %}{% endblock %}{% endautoescape %}",
    }
    loaders = [("django.template.loaders.filesystem.Loader", [tmp_path / name]) for name in sources]
    for name, source in sources.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.html").write_text(source)
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "OPTIONS": {**engine["OPTIONS"], "loaders": loaders}}]
    run(warmer(template_name="a.html"))
    assert cache.get(key()) == "<b>&</b>"


def test_a_loop_around_a_fragment_is_named(page):
    visitor = page("{% for x in xs %}{% cache 60 f x %}{{ forloop.counter }}:{{ x }}{% endcache %}{% endfor %}")
    assert "forloop" in problem(warmer({"x": "q"}))
    assert_warm(visitor, warmer({"x": "q", "forloop": {"counter": 2}}), "q")


@pytest.mark.parametrize(
    "body",
    [
        "{{ forloop }}",
        "{% if forloop.first %}a{% endif %}",
        "{% if forloop %}a{% endif %}",
        "{% for a in xs %}{{ forloop.parentloop.counter }}{% endfor %}",
        "{% for a in xs %}{% if forloop.parentloop %}a{% endif %}{% endfor %}",
        "{% ifchanged x %}{{ x }}{% endifchanged %}",
    ],
)
def test_what_depends_on_a_loop_around_is_named(page, body):
    page(f"{{% for x in xs %}}{{% cache 60 f %}}{body}{{% endcache %}}{{% endfor %}}")
    assert "'forloop' of a loop around it" in problem(warmer())


def test_a_loop_around_a_fragment_is_no_matter_to_what_does_not_ask(page):
    body = "{{ x }}{% for a in xs %}{{ forloop.counter }}{% ifchanged a %}{{ a }}{% endifchanged %}{% endfor %}"
    visitor = page(f"{{% for x in xs %}}{{% cache 60 f x %}}{body}{{% endcache %}}{{% endfor %}}")
    assert_warm(visitor, warmer({**VALUES, "x": "q"}), "q")


def test_a_name_with_a_dot_is_explained(page):
    page("{% cache 60 f %}{% if request.user.is_staff %}a{% endif %}{% endcache %}")
    assert "'request.user.is_staff' does not nest; give 'request' as a dict" in problem(
        warmer({"request.user.is_staff": True})
    )
    (outcome,) = run(warmer(values={"request.user.is_staff": [True, False]}))
    assert "values of 'request.user.is_staff': a name without dots" in outcome.detail


def test_fragments_of_one_name_are_all_warmed(page):
    visitor = page("{% cache 60 f xs.0 %}A{% endcache %}{% cache 60 f xs.1 %}B{% endcache %}")
    expected = [visitor(key("p")), visitor(key("q"))]
    assert [outcome.result for outcome in run(warmer())] == [Result.STORED] * 2
    assert [cache.get(key("p")), cache.get(key("q"))] == expected == ["A", "B"]


def test_fragments_of_one_key_have_to_be_the_same(page):
    page("{% if x %}{% cache 60 f %}A{% endcache %}{% else %}{% cache 60 f %}B{% endcache %}{% endif %}")
    assert problem(warmer()).startswith("several {% cache %} tags have this key")
    page("{% if x %}{% cache 60 f %}A{% endcache %}{% else %}{% cache 60 f %}A{% endcache %}{% endif %}")
    assert [outcome.result for outcome in run(warmer())] == [Result.STORED]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"languages": "de"}, "f: languages must be a list, is str"),
        ({"languages": ["xx"]}, "f languages: 'xx' is unknown"),
        ({"time_zones": ["Mars/X"]}, "f: time_zones: 'Mars/X' is unknown"),
        ({"values": {"group": 7}}, "f: values of 'group' must be a list, is int"),
        ({"request": "/"}, "f: request must be the URL of a page"),
        ({"absent": "brand"}, "f: absent must be a list, is str"),
    ],
)
def test_a_class_is_held_to_what_settings_are(page, attributes, words):
    page("{% cache 60 f %}{% endcache %}")
    (outcome,) = run(warmer(**attributes))
    assert (outcome.result, outcome.reason) == (Result.FAILED, "compute-failed")
    assert words in outcome.detail


@pytest.mark.parametrize("context", [FragmentContext(language="xx"), FragmentContext(time_zone="Mars/X")])
def test_a_context_of_nowhere_costs_itself(page, context):
    page("{% cache 60 f %}a{% endcache %}")
    outcomes = run(warmer(context, {}))
    assert [outcome.reason for outcome in outcomes] == ["bad-entry", ""]


def test_settings_give_a_request(page, settings):
    visitor = page("{% cache None f %}forever{{ brand }}{% endcache %}")
    settings.CACHE_WARMING = {"FRAGMENTS": [{"template": "page.html", "fragment": "f", "request": URL}]}
    (declared,) = declared_fragments()
    assert_warm(visitor, declared)


@pytest.mark.parametrize(
    ("request_url", "words"),
    [
        (True, "must be the URL of a page"),
        ("ftp://shop.example/", "must be the URL of a page"),
        ("https://shop.example:x/", "must be the URL of a page"),
        ("https://me@shop.example/", "must be the URL of a page"),
        ("https://other.example/", "ALLOWED_HOSTS does not hold 'other.example'"),
    ],
)
def test_a_wrong_request_in_settings_is_a_system_check(page, settings, request_url, words):
    page("")
    declaration = {"template": "page.html", "fragment": "f", "request": request_url}
    settings.CACHE_WARMING = {"FRAGMENTS": [declaration]}
    found = [message.msg for message in run_checks() if message.id == "cache_warming.E009"]
    assert len(found) == 1
    assert words in found[0]
