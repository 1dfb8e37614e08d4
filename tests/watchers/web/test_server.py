import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from page_asking import PRESETS, page_of
from page_folders import folder_at

from rebounce.engine.errors import UsageError
from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.status import Watched
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.door import Door
from rebounce.watchers.web.server import WebPage


def page_at(watched: Watched, host: str, port: int, token: str | None = None) -> WebPage:
    door = Door(address=WebAddress(host=host, port=port), token=token)
    return WebPage([watched], door, Calls(presets=lambda: PRESETS))


def test_on_loopback_it_needs_no_token(tmp_path: Path) -> None:
    with page_of(folder_at(tmp_path / "Bounces")) as page:
        assert page.url == f"http://127.0.0.1:{page.port}/"
        assert page.ask("/").status == 200


def test_beyond_loopback_it_makes_up_a_token_and_gives_the_address_of_this_machine(tmp_path: Path) -> None:
    with page_of(folder_at(tmp_path / "Bounces"), host="0.0.0.0") as page:
        assert "0.0.0.0" not in page.url
        token = page.url.partition("?token=")[2]
        assert len(token) >= 32
        assert page.ask("/").status == 401
        assert page.ask(f"/?token={token}").status == 303
        assert page.ask("/health").status == 200
    with page_of(folder_at(tmp_path / "Bounces"), host="0.0.0.0") as other:
        assert token not in other.url


def test_a_token_that_was_made_up_opens_the_page_after_a_restart(tmp_path: Path) -> None:
    watched, state = folder_at(tmp_path / "Bounces"), tmp_path / "state"
    with page_of(watched, host="0.0.0.0", state_folder=state) as page:
        token = page.url.partition("?token=")[2]
    with page_of(watched, host="0.0.0.0", state_folder=state) as again:
        assert again.ask("/", {"Authorization": f"Bearer {token}"}).status == 200


def test_the_link_that_is_printed_opens_the_page_whatever_the_token_holds(tmp_path: Path) -> None:
    with page_of(folder_at(tmp_path / "Bounces"), token="1+1#2&3%20=/?;:\"'<>~") as page:
        answer = page.ask(page.url.removeprefix(f"http://{page.host}"))
        assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_a_port_that_is_taken_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        page = page_at(folder_at(tmp_path / "Bounces"), "127.0.0.1", port)
        with pytest.raises(UsageError, match=rf"at 127\.0\.0\.1:{port}: another program has this port.* port 0"):
            page.start()
        page.stop()


def test_an_address_of_another_machine_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"192\.0\.2\.1:0: this machine does not have that address"):
        page_at(folder_at(tmp_path / "Bounces"), "192.0.2.1", 0).start()


def test_a_name_that_nobody_knows_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name or address that is known here"):
        page_at(folder_at(tmp_path / "Bounces"), "no-such-name.invalid", 0).start()


def test_stopping_ends_open_streams_and_frees_the_port(tmp_path: Path) -> None:
    watched = folder_at(tmp_path / "Bounces")
    page = page_at(watched, "127.0.0.1", 0)
    url = page.start()
    port = int(url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as listener:
        listener.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard = b""
        while b"event: folder" not in heard:
            heard += listener.recv(65_536)
        page.stop()
        while piece := listener.recv(65_536):
            heard += piece
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("page")]
    again = page_at(watched, "127.0.0.1", port)
    assert again.start() == url
    again.stop()


def test_stopping_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    page = page_at(folder_at(tmp_path / "Bounces"), "127.0.0.1", 0)
    page.stop()
    page.start()
    page.stop()
    page.stop()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("page")]


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_its_parts_it_says_what_to_install(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from rebounce.watchers.setting_checks import WebAddress\n"
        "from rebounce.watchers.web.server import WebPage\n"
        "from rebounce.engine.errors import UsageError\n"
        "from rebounce.watchers.web.door import Door\n"
        "from rebounce.watchers.web.calls import Calls\n"
        "try: WebPage([], Door(address=WebAddress()), Calls(presets=list))\n"
        "except UsageError as problem: print(problem)\n"
    )
    said = run(code).stdout
    assert f"{missing} is missing" in said
    assert "pip install 'rebounce[web]'" in said


def test_the_process_that_serves_it_imports_nothing_for_audio(tmp_path: Path) -> None:
    folder_at(tmp_path / "Bounces")
    code = (
        "import sys, urllib.request\n"
        "from pathlib import Path\n"
        "from rebounce.watchers.layout import Layout\n"
        "from rebounce.watchers.setting_checks import WebAddress\n"
        "from rebounce.watchers.status import Watched\n"
        "from rebounce.watchers.web.server import WebPage\n"
        f"root = Path({str(tmp_path / 'Bounces')!r})\n"
        "layout = Layout(root=root, restored='R', done='D', errors='E', state=root / '.rebounce')\n"
        "from rebounce.watchers.web.door import Door\n"
        "from rebounce.watchers.web.calls import Calls\n"
        "folders = [Watched(layout=layout, preset='auto', name='B')]\n"
        "page = WebPage(folders, Door(address=WebAddress(port=0)), Calls(presets=list))\n"
        "url = page.start()\n"
        "for path in ('', 'health', 'assets/page.js'): urllib.request.urlopen(url + path).read()\n"
        "page.stop()\n"
        "print([name for name in ('numpy', 'scipy', 'soundfile', 'onnxruntime', 'pedalboard', 'mutagen', 'rich')"
        " if name in sys.modules])"
    )
    done = run(code)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
