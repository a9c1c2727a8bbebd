"""Who asks, behind proxies or not: what limits and the desk's brake count by."""

from collections.abc import Callable
from pathlib import Path

import pytest

from feed import clock
from feed.app import create_app
from feed.errors import SettingError
from feed.web.middleware import client_ip
from tests.conftest import (
    Command,
    Installation,
    answers,
    fetch,
    free_port,
    settings,
    wait_until,
)

Install = Callable[..., Installation]
PROXIES = "127.0.0.1, 10.0.0.0/8 ::1"


@pytest.mark.parametrize(
    ("trusted", "peer", "told", "counted"),
    [
        ("", "192.0.2.7", "198.51.100.1", "192.0.2.7"),  # nobody is believed unasked
        (PROXIES, "127.0.0.1", "198.51.100.1", "198.51.100.1"),
        (PROXIES, "127.0.0.1", "", "127.0.0.1"),
        (PROXIES, "192.0.2.7", "198.51.100.1", "192.0.2.7"),
        (PROXIES, "::1", "1.1.1.1, 198.51.100.1, 10.2.3.4", "198.51.100.1"),  # 1.1.1.1 is a claim
        (PROXIES, "127.0.0.1", "1.1.1.1, nonsense", "127.0.0.1"),
        (PROXIES, "127.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (PROXIES, "::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        (PROXIES, "", "198.51.100.1", "nowhere"),
    ],
)
def test_a_proxy_is_believed_if_it_is_trusted(
    install: Install, trusted: str, peer: str, told: str, counted: str
) -> None:
    app = create_app(install(TRUSTED_PROXIES=trusted).config, clock.Clock(install().now, 0))
    headers = {"X-Forwarded-For": told} if told else {}
    with app.test_request_context(headers=headers, environ_base={"REMOTE_ADDR": peer}):
        assert client_ip.network() == counted


@pytest.mark.parametrize(
    ("peer", "named"),
    [
        ("198.51.100.77", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("", "nowhere"),
    ],
)
def test_the_log_names_a_network_and_no_address(install: Install, peer: str, named: str) -> None:
    app = create_app(install().config, clock.Clock(install().now, 0))
    with app.test_request_context(environ_base={"REMOTE_ADDR": peer}):
        assert client_ip.prefix() == named


def test_limits_count_people_behind_a_trusted_proxy(install: Install) -> None:
    """Each of them has a limit of their own; and who is no proxy cannot get round theirs."""

    def asked(installation: Installation) -> list[int]:
        client = installation.client()
        return [
            client.get("/api/v1/today?lang=!", headers={"X-Forwarded-For": told}).status_code
            for told in ("198.51.100.1", "198.51.100.2", "198.51.100.1")
        ]

    assert asked(install("behind", API_RATE="1", TRUSTED_PROXIES="127.0.0.1")) == [400, 400, 429]
    assert asked(install("alone", API_RATE="1")) == [400, 429, 429]


def test_forwarded_hosts_and_schemes_reach_no_link(install: Install) -> None:
    installation = install(TRUSTED_PROXIES="127.0.0.1", BASE_URL="https://devis.example")
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Host": "evil.example"}
    for path in ("/", "/en/", "/en/feed.atom", "/desk/sign-in", "/api/v1/today", "/en/feeds"):
        answer = installation.client().get(path, headers=lies)
        assert "evil.example" not in answer.text + str(answer.headers)


def test_a_malformed_network_stops_the_start() -> None:
    with pytest.raises(SettingError, match=r"TRUSTED_PROXIES.*10\.0\.0\.1/8.*expected addresses"):
        settings(Path("/"), TRUSTED_PROXIES="10.0.0.1/8")


@pytest.mark.served
def test_a_running_site_believes_its_proxy(command: Command) -> None:
    port = str(free_port())
    values = {"PORT": port, "WEB_WORKERS": "1", "API_RATE": "1", "TRUSTED_PROXIES": "127.0.0.1"}
    process = command.start("serve", **values)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{url}/healthz"))
        said = [
            fetch(f"{url}/api/v1/today?lang=!", X_Forwarded_For=told).status
            for told in ("198.51.100.1", "198.51.100.2", "198.51.100.1")
        ]
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert said == [400, 400, 429]
