"""Long addresses and headers, and host names of strangers: refused, in no time, and not kept."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from werkzeug.test import Client, TestResponse

from feed.app import wsgi
from feed.clock import Clock
from feed.web.middleware import conditional
from feed.web.middleware.page_cache import MAX_KEY_LENGTH, PageCache
from tests.conftest import NOON, Installation, fetch

Install = Callable[..., Installation]
FOREIGN = (
    *("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[", "a@localhost@b", ""),
    *("a..b", "a" * 64),  # what no host can be called
)
KNOWN = (
    *("127.0.0.1:8000", "localhost:8000", "LOCALHOST.", "desk.localhost", "[::1]:8000"),
    *("10.0.0.7:8000", "[2001:db8::1]", "motto.example.org", "Motto.Example.org:443"),
)


@pytest.fixture
def cache(devis: Installation) -> PageCache:
    return wsgi(devis.config, Clock(NOON, time.monotonic()))


def get(cache: PageCache, path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(cache).get(path, headers=named)


def test_long_addresses_and_headers_are_refused_though_the_page_is_cached(cache: PageCache) -> None:
    assert get(cache, "/en/").status_code == 200
    began = time.process_time()
    long = get(cache, "/en/?" + "a&" * 240_000)
    large = get(cache, "/en/", Accept_Encoding="gzip," * 60_000)
    assert time.process_time() - began < 0.2
    assert (long.status_code, large.status_code) == (414, 431)
    assert "That address is too long" in long.text
    assert "Your browser sent too much" in large.text
    api = get(cache, "/api/v1/today?" + "a&" * 5000)
    assert (api.status_code, api.content_type) == (414, "application/problem+json")


def test_no_long_text_of_a_request_stays_in_memory(cache: PageCache) -> None:
    get(cache, "/en/")
    conditional.coding.cache_clear()
    conditional._instant.cache_clear()
    for number in range(20):
        accepted = "gzip, br," + f"x{number}," * MAX_KEY_LENGTH
        answer = get(cache, f"/en/?{'x' * 600}={number}", Accept_Encoding=accepted)
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers
        assert get(cache, f"/en/principles/?q={'x' * 600}{number}").status_code == 200
        get(cache, "/en/", If_Modified_Since=f"{number} " * 500)
    for path, query, accepted in cache._prepared:
        assert max(map(len, (path, query, accepted))) <= MAX_KEY_LENGTH
    assert max(len(query) for _, query in cache._entries) <= MAX_KEY_LENGTH
    assert conditional.coding.cache_info().currsize <= 1
    assert conditional._instant.cache_info().currsize == 0


def test_a_form_outside_the_desk_is_small(cache: PageCache) -> None:
    body = b"a&" * 100_000
    kind = "application/x-www-form-urlencoded"
    assert Client(cache).post("/en/subscribe/", data=body, content_type=kind).status_code == 413


@pytest.mark.parametrize("host", FOREIGN)
def test_what_is_not_public_does_not_answer_to_a_strangers_host_name(
    devis: Installation, host: str
) -> None:
    client = devis.client()
    assert client.get("/metrics", headers={"Host": host}).status_code == 401
    assert "checks" not in client.get("/healthz?full", headers={"Host": host}).get_json()
    for method in ("GET", "POST"):
        desk = client.open("/desk/sign-in", method=method, headers={"Host": host})
        assert desk.status_code == 400
        assert f"open {devis.config.base_url}/desk/" in desk.text
    assert client.get("/healthz", headers={"Host": host}).text == "ok\n"
    assert client.get("/en/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", KNOWN)
def test_the_sites_own_name_this_machine_and_addresses_are_known(
    devis: Installation, host: str
) -> None:
    public = replace(devis.config, base_url="https://motto.example.org", operator_token="x" * 20)
    client = Installation(public, devis.now).client()
    assert client.get("/desk/sign-in", headers={"Host": host}).status_code == 200


def test_the_token_opens_the_metrics_under_any_name(install: Install) -> None:
    """A scraper asks for a container by the name that its network has for it."""
    client = install(OPERATOR_TOKEN="operators-only-0123456789").client()
    headers = {"Host": "devis:8000", "Authorization": "Bearer operators-only-0123456789"}
    assert client.get("/metrics", headers=headers).status_code == 200
    assert "checks" in client.get("/healthz?full", headers=headers).get_json()


def test_a_server_refuses_what_does_not_fit_its_buffer(live: str) -> None:
    assert fetch(f"{live}/en/", Cookie="a=b;" * 6000).status == 431
    assert fetch(f"{live}/en/?{'a&' * 20_000}").status == 414
    with suppress(ConnectionError):  # closed before all was sent
        assert fetch(f"{live}/en/", Accept_Encoding="a," * 150_000).status == 431
    with suppress(ConnectionError):
        assert fetch(f"{live}/en/?{'a&' * 240_000}").status in (414, 431)
    assert fetch(f"{live}/metrics", Host="evil.example").status == 401
    assert fetch(f"{live}/metrics").status == 200
