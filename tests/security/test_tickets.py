"""No ticket but the genuine one, for its own request and in its own time, is ever accepted."""

from __future__ import annotations

import ast
import hmac
import inspect
import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from url_manifests import protocol
from url_manifests.protocol import Purpose, Ticket, TicketRefusedError, check_ticket, sign_ticket

SECRET, OLDER = "s" * 40, "o" * 40
HOST, TARGET, NOW_S = "shop.example", "/en/p/42/?colour=red", 1_800_000_000
GENUINE = sign_ticket(Ticket(run_id="run-1", expires_at_s=NOW_S + 60), secret=SECRET, host=HOST, target=TARGET)
OTHER = sign_ticket(Ticket(run_id="run-2", expires_at_s=NOW_S + 90), secret=OLDER, host=HOST, target="/en/")
HOMOGLYPHS = str.maketrans("aceosx0135.-", "\u0430\u0441\u0435\u043e\u0455\u0445\uff10\uff11\uff13\uff15\u2024\u2010")


def accepted(
    value: str, *, method="GET", host=HOST, target=TARGET, now_s: float = NOW_S, secrets=(SECRET, OLDER)
) -> bool:
    try:
        check_ticket(value, secrets=secrets, method=method, host=host, target=target, now_s=now_s)
    except TicketRefusedError:
        return False
    return True


def one_character(rng, value):
    at = rng.randrange(len(value))
    others = string.printable.replace(value[at], "") + "é\u0660\x00"
    return value[:at] + rng.choice(others) + value[at + 1 :]


def cut(rng, value):
    start, end = sorted(rng.sample(range(len(value) + 1), 2))
    return value[start:end] if (start, end) != (0, len(value)) else value[1:]


def homoglyph(rng, value):
    at = rng.choice([n for n, c in enumerate(value) if c.translate(HOMOGLYPHS) != c])
    return value[:at] + value[at].translate(HOMOGLYPHS) + value[at + 1 :]


def oversized(rng, value):
    return rng.choice([value + "0" * 5000, "0" * 5000 + value, value.replace(".", "." + "0" * 200, 1), value * 50])


def padded(rng, value):
    piece = rng.choice([" ", "\t", "\n", ".", "0", "\x00", "=", "%20", "\ufeff", "\u200b", ",", ";", GENUINE])
    at = rng.randrange(len(value) + 1)
    return value[:at] + piece + value[at:]


def doubled(rng, value):
    at = rng.randrange(len(value))
    return value[:at] + value[at] + value[at:]


def field(rng, value):
    """One of the five fields, in another spelling or of another ticket."""
    parts, number = value.split("."), rng.randrange(5)
    old = parts[number]
    new = [old.upper(), f"0{old}", f"+{old}", f" {old}", f"{old}_", OTHER.split(".")[number], "", old[::-1], f"{old}e0"]
    parts[number] = rng.choice([text for text in new if text != old])
    return ".".join(parts)


def later(rng, value):
    version, run, purpose, expires, signature = value.split(".")
    return ".".join((version, run, purpose, str(int(expires) + rng.randrange(1, 10**9)), signature))


def spliced(rng, value):
    at = rng.randrange(2, len(value))
    return value[:at] + OTHER[at:]


def signed_by_others(rng, value):
    secret = rng.choice([SECRET[:-1], SECRET + "s", SECRET.upper(), "", rng.randbytes(20).hex()])
    return sign_ticket(Ticket(run_id="run-1", expires_at_s=NOW_S + 60), secret=secret, host=HOST, target=TARGET)


ALTERATIONS = [
    one_character, cut, homoglyph, oversized, padded, doubled, field, later, spliced, signed_by_others,
]  # fmt: skip


def test_the_genuine_one_is_accepted():
    assert accepted(GENUINE)
    assert accepted(GENUINE, secrets=[OLDER, SECRET])


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**64))
def test_of_a_hundred_thousand_altered_ones_none_is(seed):
    """A hundred in each example, ten of each kind."""
    rng = random.Random(seed)
    for alter in ALTERATIONS:
        for _ in range(10):
            value = alter(rng, GENUINE)
            assert value != GENUINE or alter is spliced
            assert not accepted(value) or value == GENUINE, (alter.__name__, value)


@given(st.text(max_size=300))
def test_none_is_made_up(value):
    assert not accepted(value)


@given(st.text(st.characters(codec="latin-1"), max_size=60), st.sampled_from(["host", "method", "target"]))
def test_it_is_good_for_no_other_request(other, part):
    own = {"host": HOST, "method": "GET", "target": TARGET}
    is_same = other == own[part] or (part == "host" and other.lower() == HOST)
    assert accepted(GENUINE, **{part: other}) is is_same


@pytest.mark.parametrize(
    ("host", "target"),
    [
        (f"{HOST}:443", TARGET),
        (f"{HOST}.", TARGET),
        (HOST, "/en/p/42/"),
        (HOST, "/en/p/42/?colour=red&"),
        (HOST, "/en/p/42/?colour=re%64"),
        (HOST, "/en/p/42/?Colour=red"),
        (HOST, "/en/p/42/%3Fcolour=red"),
        (HOST, "//en/p/42/?colour=red"),
        (HOST, "/en/./p/42/?colour=red"),
        (HOST, f"http://{HOST}{TARGET}"),
    ],
)
def test_near_by_is_not_the_same(host, target):
    assert not accepted(GENUINE, host=host, target=target)


@given(st.floats(-1e9, 1e9))
def test_clocks_that_differ_end_it_sooner_or_later_but_always(skew_s):
    assert accepted(GENUINE, now_s=NOW_S + skew_s) is (skew_s <= 60)


RUN_IDS = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=64)
QUERIES = st.text(st.characters(codec="latin-1", exclude_characters="\n"), max_size=40)


@given(RUN_IDS, st.sampled_from(Purpose), st.integers(1, 10**12 - 1), QUERIES)
def test_no_two_requests_share_a_signature_by_moving_a_boundary(run_id, purpose, expires_at_s, query):
    """Fields are signed with what is between them: what moves from one into the next is another ticket."""
    ticket = Ticket(run_id=run_id, purpose=purpose, expires_at_s=expires_at_s)
    value = sign_ticket(ticket, secret=SECRET, host=HOST, target=f"/?{query}")
    assert check_ticket(value, secrets=[SECRET], method="GET", host=HOST, target=f"/?{query}", now_s=0) == ticket
    assert not accepted(value, host=f"{HOST}\n/", target=f"?{query}", now_s=0)


class TestTheTimeOfACheck:
    """It does not depend on how much of a signature is right: shown by how it is made, not by a clock."""

    def test_each_secret_is_compared_whatever_the_others_gave(self, monkeypatch):
        compared = []
        real = hmac.compare_digest

        def compare(one, other):
            compared.append((one, other))
            return real(one, other)

        monkeypatch.setattr(protocol.hmac, "compare_digest", compare)
        signature = GENUINE.rpartition(".")[2]
        head = GENUINE.removesuffix(signature)
        for right in range(0, 65, 4):
            value = head + signature[:right] + "".join("1" if c == "0" else "0" for c in signature[right:])
            compared.clear()
            accepted(value)
            # Both secrets, at full length, and nothing is known before.
            assert [(len(one), len(other)) for one, other in compared] == [(64, 64), (64, 64)]

    def test_nothing_but_the_constant_time_comparison_looks_at_the_signature(self):
        tree = ast.parse(inspect.getsource(protocol.check_ticket))
        uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "signature"]
        loaded = [node for node in uses if isinstance(node.ctx, ast.Load)]
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "hmac.compare_digest"
        ]
        assert len(loaded) == 1
        assert [node.args[0] for node in calls] == loaded

    def test_a_wrong_verdict_of_the_comparison_would_be_believed(self, monkeypatch):
        monkeypatch.setattr(protocol.hmac, "compare_digest", lambda one, other: False)
        assert not accepted(GENUINE)
