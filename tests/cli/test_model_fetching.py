"""What comes from the web comes whole or not at all, from where the address says, and every fault is told as it is."""

import hashlib
import io
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from web_serving import Answer, Site, body, chunked, serving, silence, status

from rebounce.engine.errors import ModelError, OutputError, UsageError
from rebounce.model_fetching import Address, fetch, is_address, shown

DATA = bytes(range(256)) * 1000


def _fetched(url: str, tmp_path: Path, timeout_s: float = 20.0) -> tuple[bytes, str, list[tuple[int, int | None]]]:
    file = io.BytesIO()
    seen: list[tuple[int, int | None]] = []

    def note(done_bytes: int, total_bytes: int | None) -> None:
        seen.append((done_bytes, total_bytes))

    digest = fetch(Address(url=url, timeout_s=timeout_s, allows_http=True), tmp_path / "x", file, note)
    return file.getvalue(), digest, seen


def _refused(answer: Answer, tmp_path: Path, timeout_s: float = 20.0) -> str:
    with serving({"/x": answer}) as site, pytest.raises(ModelError) as caught:
        _fetched(f"{site.address}/x?key=secret", tmp_path, timeout_s)
    told = str(caught.value)
    assert told.startswith(f"{site.address}/x: ")
    assert "secret" not in told
    return told


@pytest.mark.parametrize(
    ("answer", "total"),
    [(body(DATA), len(DATA)), (body(DATA, is_open_ended=True), None), (chunked([DATA[:7], DATA[7:]]), None)],
)
def test_the_content_comes_as_it_is_with_its_hash_and_how_much_of_it_is_there(
    tmp_path: Path, answer: Answer, total: int | None
) -> None:
    with serving({"/x": answer}) as site:
        data, digest, seen = _fetched(f"{site.address}/x", tmp_path)
    assert (data, digest) == (DATA, hashlib.sha256(DATA).hexdigest())
    assert seen == sorted(seen, key=lambda pair: pair[0])
    assert seen[-1] == (len(DATA), total)
    assert {pair[1] for pair in seen} == {total}


def test_a_body_that_breaks_off_is_told_with_both_lengths(tmp_path: Path) -> None:
    told = _refused(body(DATA, claimed=len(DATA) + 1), tmp_path)
    assert f"expected {len(DATA) + 1} bytes, as the server said, found {len(DATA)}; fetch it again" in told


def test_a_body_that_is_longer_than_said_is_taken_as_far_as_said(tmp_path: Path) -> None:
    with serving({"/x": body(DATA, claimed=1000)}) as site:
        assert _fetched(f"{site.address}/x", tmp_path)[0] == DATA[:1000]  # whose hash or unpacking will tell


def test_pieces_of_which_the_last_is_missing_are_told(tmp_path: Path) -> None:
    assert "the connection broke off" in _refused(chunked([DATA], ends=False), tmp_path)


@pytest.mark.parametrize(("code", "words"), [(404, "Not Found"), (403, "Forbidden"), (500, "Internal Server Error")])
def test_a_server_that_says_no_is_told_in_words_of_our_own(tmp_path: Path, code: int, words: str) -> None:
    told = _refused(status(code, reason="\x1b[31mred"), tmp_path)
    assert f"the server answered {code} ({words}); check the address" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("before", [b"", b"a start"])
def test_a_server_that_falls_silent_is_not_waited_for(tmp_path: Path, before: bytes) -> None:
    stop = threading.Event()
    try:
        told = _refused(silence(stop, before), tmp_path, timeout_s=0.2)
    finally:
        stop.set()
    assert "expected an answer within 0.2 s, found none; try again, or give --timeout more" in told


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with serving({}) as site:
        url = f"{site.address}/x"
    with pytest.raises(ModelError, match=f"^{url}: expected to reach the server, found: .*refused; check the address"):
        _fetched(url, tmp_path)


def test_a_redirect_is_followed_to_the_end(tmp_path: Path) -> None:
    answers = {"/x": status(302, Location="/y"), "/y": status(307, Location="/z"), "/z": body(DATA)}
    with serving(answers) as site:
        assert _fetched(f"{site.address}/x", tmp_path)[0] == DATA
    assert site.asked == ["/x", "/y", "/z"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "gopher://x/"])
def test_a_redirect_to_another_kind_of_address_is_refused(tmp_path: Path, target: str) -> None:
    assert "to another kind of address" in _refused(status(302, Location=target), tmp_path)


def test_redirects_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    assert "the server redirects in a circle" in _refused(status(302, Location="/x"), tmp_path)


def test_a_redirect_from_an_address_that_nobody_can_change_to_one_that_anybody_can_is_refused(
    tmp_path: Path, certificate: Path
) -> None:
    with serving({"/x": body(DATA)}) as open_to_all:
        redirect = status(302, Location=f"{open_to_all.address}/x")
        with serving({"/x": redirect}, certificate) as site, pytest.raises(ModelError) as caught:
            fetch(_safe(site), tmp_path / "x", io.BytesIO(), ignore)
    assert "the server redirects to another kind of address: " in str(caught.value)
    assert "http:// lets anybody on the way put another package in its place" in str(caught.value)
    assert (site.asked, open_to_all.asked) == (["/x"], [])


def test_a_certificate_counts_only_where_it_can_be_verified(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"/x": body(DATA)}, certificate) as site:
        file = io.BytesIO()
        fetch(_safe(site), tmp_path / "x", file, ignore)
        assert file.getvalue() == DATA
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ModelError, match="expected a certificate that can be verified, found: self"):
            fetch(_safe(site), tmp_path / "x", io.BytesIO(), ignore)
    assert site.asked == ["/x"]


def test_more_than_any_package_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    assert "expected a model package of at most 17.2 GB, found more" in _refused(
        body(b"", claimed=20 * 10**9), tmp_path
    )


def test_more_than_the_disk_holds_is_refused_before_it_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with serving({"/x": body(DATA)}) as site, pytest.raises(OutputError, match="the disk is full"):
        _fetched(f"{site.address}/x", tmp_path)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://example.org/x.zip", "expected an address that begins with https://, or a path, found ftp://"),
        ("file:///etc/passwd", "found file://"),
        ("http://example.org/x.zip", "http:// lets anybody on the way put another package in its place"),
        ("https://", "expected https://host/path"),
        ("https:///x", "expected https://host/path"),
        ("https://[::1/x", "expected https://host/path"),
        ("https://host:99999/x", "expected https://host/path"),
        ("https://example.org/a b", "expected https://host/path"),
        ("https://example.org/\u00fc", "expected https://host/path"),
        ("https://example.org/\n", "expected https://host/path"),
        ("https://me:secret@example.org/x", "without a user's name or password"),
    ],
)
def test_an_address_that_cannot_be_is_wrong_usage(url: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address(url=url, timeout_s=1, allows_http=False)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_address_is_told_apart_from_a_path_and_shown_without_secrets() -> None:
    assert [is_address(text) for text in ("https://a/b", "FTP://a", "s3://b")] == [True] * 3
    assert [is_address(text) for text in ("a.zip", "C:\\a.zip", "C:/a.zip", "/a://b", "./https://a")] == [False] * 5
    assert shown("https://me:word@host:1/a/b.zip?key=1#part") == "https://host:1/a/b.zip"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for this machine with its key, which is trusted as long as the environment says so."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, path = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, capture_output=True, check=True)
    path.write_bytes(key.read_bytes() + path.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def _safe(site: Site) -> Address:
    return Address(url=f"{site.address}/x", timeout_s=20, allows_http=False)


def ignore(done_bytes: int, total_bytes: int | None) -> None:
    """A meter that nobody looks at."""
