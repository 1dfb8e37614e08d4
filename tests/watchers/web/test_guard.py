import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_asking import OWN, Asker, page_of
from page_folders import folder_at

from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.web.door import Door
from rebounce.watchers.web.guard import access_to, host_of

TOKEN = "a-token-of-some-length"
PATHS = ["/", "/assets/page.js", "/events", "/bounces/0/1", "/bounces/0/1/sights", "/nothing"]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Asker]:
    with page_of(folder_at(tmp_path / "Bounces")) as asker:
        yield asker


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Asker]:
    with page_of(folder_at(tmp_path / "Bounces"), token=TOKEN) as asker:
        yield asker


@pytest.mark.parametrize("path", [*PATHS, "/health"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.", "192.168.1.7", "", "[::1"]
)
def test_a_foreign_host_header_is_refused_wherever_it_asks(page: Asker, path: str, host: str) -> None:
    assert page.ask(path, {"Host": host.format(port=page.port)}).status == 403


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "localhost", "LOCALHOST:80"])
def test_the_names_of_this_machine_are_let_in(page: Asker, host: str) -> None:
    assert page.ask("/", {"Host": host.format(port=page.port)}).status == 200


def test_two_host_headers_are_refused(page: Asker) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    connection.putrequest("GET", "/", skip_host=True)
    connection.putheader("Host", "localhost")
    connection.putheader("Host", "evil.example")
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    assert status in (400, 403)


def test_bound_to_every_address_it_takes_numbers_and_its_own_name_only() -> None:
    access = access_to(Door(address=WebAddress(host="0.0.0.0", port=1)), 1, TOKEN)
    assert access.takes_any_address
    assert "evil.example" not in access.hosts
    assert not access_to(Door(address=WebAddress(host="192.168.1.7")), 1, TOKEN).takes_any_address


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("a:1", "a"),
        ("a", "a"),
        ("[::1]:8", "[::1]"),
        ("[::1]", "[::1]"),
        ("A.B:80", "a.b"),
        ("::1", "::1"),
        ("a:b", "a:b"),
    ],
)
def test_a_host_header_is_read_with_and_without_a_port(header: str, name: str) -> None:
    assert host_of(header) == name


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_shown(private: Asker, path: str) -> None:
    answer = private.ask(path)
    assert answer.status == 401
    assert b"?token=" in answer.body


@pytest.mark.parametrize(
    "given", ["", "wrong-token-of-some-length", TOKEN[:-1], TOKEN + "x", "\N{SNOWMAN}".encode().decode("latin-1")]
)
def test_a_wrong_token_opens_nothing(private: Asker, given: str) -> None:
    assert private.ask("/", {"Authorization": f"Bearer {given}"}).status == 401
    assert private.ask("/", {"Cookie": f"rebounce-{private.port}={given}"}).status == 401
    assert private.ask(f"/?token={given.encode('latin-1').hex()}").status == 401


def test_the_link_with_the_token_is_used_once_and_a_cookie_counts_from_then_on(private: Asker) -> None:
    assert private.url.endswith(f"/?token={TOKEN}")
    answer = private.ask(f"/?token={TOKEN}")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert private.ask("/", {"Cookie": cookie.partition(";")[0]}).status == 200


def test_a_program_gives_the_token_as_a_header(private: Asker) -> None:
    assert private.ask("/", {"Authorization": f"Bearer {TOKEN}"}).status == 200


def test_health_needs_no_token_and_says_nothing_private(private: Asker, tmp_path: Path) -> None:
    answer = private.ask("/health")
    assert answer.status == 200
    assert str(tmp_path) not in answer.body.decode()
    assert "Bounces" not in answer.body.decode()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/events", "/assets/page.js", "/bounces/0/1/sights"])
def test_another_site_embeds_nothing_from_here(page: Asker, site: str, path: str) -> None:
    assert page.ask(path, {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status == 403
    assert page.ask("/", {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status == 403


def test_another_site_may_link_here(page: Asker) -> None:
    assert page.ask("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Length": "5000"}, 413),
        ({"Content-Length": "-1"}, 400),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_a_post_that_is_not_the_page_s_own_is_refused(page: Asker, change: dict[str, str], status: int) -> None:
    headers = OWN | {"Origin": f"http://{page.host}"} | change
    if "Content-Length" in change:
        assert page.ask("/bounces/0/1/retry", headers, method="POST").status == status
    else:
        assert page.ask("/bounces/0/1/retry", headers, method="POST", body=b"{}").status == status


def test_a_post_without_the_header_that_no_form_can_send_is_refused(page: Asker) -> None:
    headers = {name: value for name, value in OWN.items() if name != "X-Rebounce"} | {"Origin": f"http://{page.host}"}
    assert page.ask("/bounces/0/1/retry", headers, method="POST", body=b"{}").status == 403


def test_a_post_of_the_page_itself_is_let_in(page: Asker) -> None:
    assert page.post("/bounces/0/1/retry", {"preset": None}).status == 404  # no such bounce, and not 403


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Asker]:
    with page_of(folder_at(tmp_path / "Bounces"), token=TOKEN, hosts=("Rebounce.example.org",)) as asker:
        yield asker


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("rebounce.example.org", "https://rebounce.example.org", 404),
        ("rebounce.example.org:443", "http://rebounce.example.org", 404),
        ("REBOUNCE.example.org", "https://rebounce.example.org:8443", 404),
        ("127.0.0.1", "https://rebounce.example.org", 404),
        ("127.0.0.1", "http://127.0.0.1", 404),
        ("rebounce.example.org", "https://evil.example", 403),
        ("rebounce.example.org", "ftp://rebounce.example.org", 403),
        ("rebounce.example.org", "https://rebounce.example.org.evil.example", 403),
        ("rebounce.example.org", "https://evil@rebounce.example.org", 403),
        ("rebounce.example.org", "https://rebounce.example.org:8443:1", 403),
        ("rebounce.example.org", "null", 403),
        ("rebounce.example.org", "", 403),
        ("other.example.org", "https://rebounce.example.org", 403),
        ("rebounce.example.org.evil.example", "https://rebounce.example.org", 403),
    ],
)
def test_behind_a_server_the_names_that_were_given_are_let_in_and_no_others(
    proxied: Asker, host: str, origin: str, status: int
) -> None:
    headers = {"Host": host, "Origin": origin, "Authorization": f"Bearer {TOKEN}"}
    assert proxied.post("/bounces/0/1/retry", {"preset": None}, headers).status == status


def test_a_name_that_was_not_given_is_refused_as_ever(page: Asker) -> None:
    assert page.ask("/", {"Host": "rebounce.example.org"}).status == 403
    origin = {"Origin": "https://rebounce.example.org"}
    assert page.post("/bounces/0/1/retry", {"preset": None}, origin).status == 403


def test_behind_a_server_a_token_is_wanted_although_the_page_is_bound_to_this_machine(tmp_path: Path) -> None:
    with page_of(folder_at(tmp_path / "Bounces"), hosts=("rebounce.example.org",)) as page:
        assert "?token=" in page.url
        assert page.ask("/", {"Host": "rebounce.example.org"}).status == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_other_method_does_anything(page: Asker, method: str) -> None:
    assert page.ask("/", OWN | {"Origin": f"http://{page.host}"}, method=method, body=b"{}").status == 405


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/assets/page.js"])
def test_every_answer_forbids_what_it_must(page: Asker, path: str) -> None:
    headers = page.ask(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
