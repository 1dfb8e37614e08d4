"""Single settings: each check lets through what it names, as it stands in TOML and as it is kept, and nothing else."""

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.watchers.schedule import parse_schedule
from rebounce.watchers.setting_checks import (
    PLACEHOLDERS,
    WebAddress,
    auto_or_switch,
    command,
    days_or_ever,
    device_name,
    filled,
    host_names,
    hours,
    list_of_texts,
    patterns,
    rate_hz,
    token,
    web_address,
)

NIGHT = "mon-fri 22:00-06:00"


@pytest.mark.parametrize(
    ("check", "written", "kept"),
    [
        (auto_or_switch, "auto", None),
        (auto_or_switch, True, True),
        (auto_or_switch, False, False),
        (device_name, "auto", "auto"),
        (device_name, "cuda", "cuda"),
        (device_name, "cuda:11", "cuda:11"),
        (rate_hz, "keep", None),
        (rate_hz, 44100, 44100),
        (days_or_ever, "forever", None),
        (days_or_ever, 30, 30.0),
        (days_or_ever, 0, 0.0),
        (hours, "always", None),
        (hours, NIGHT, parse_schedule(NIGHT)),
        (list_of_texts, [], ()),
        (list_of_texts, ["a", "b"], ("a", "b")),
        (patterns, ["*.wav", "Album/*"], ("*.wav", "Album/*")),
        (patterns, [], ()),
        (command, [], ()),
        (command, "", ()),
        (command, ["notify", "{output} is {status}"], ("notify", "{output} is {status}")),
        (command, "sh -c 'cat \"$1\" >> log' sh {record}", ("sh", "-c", 'cat "$1" >> log', "sh", "{record}")),
        (command, "/bin/bash tell.sh {output}", ("/bin/bash", "tell.sh", "{output}")),
        (command, ["curl", '{{"file": "{input}"}}'], ("curl", '{{"file": "{input}"}}')),
        (web_address, False, None),
        (web_address, True, WebAddress(host="127.0.0.1", port=8787)),
        (web_address, "0.0.0.0:80", WebAddress(host="0.0.0.0", port=80)),
        (web_address, "[::1]:0", WebAddress(host="::1", port=0)),
        (web_address, "nas.local:9000", WebAddress(host="nas.local", port=9000)),
        (host_names, [], ()),
        (host_names, ["rebounce.example.org", "nas", "[fd00::1]"], ("rebounce.example.org", "nas", "[fd00::1]")),
        (token, "0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_a_check_takes_what_is_written_and_what_it_keeps(check: Any, written: Any, kept: Any) -> None:
    assert check(written) == kept
    assert check(kept) == kept


@pytest.mark.parametrize(
    ("check", "wrong", "expected"),
    [
        (auto_or_switch, ["yes", 1, []], '"auto", true or false'),
        (device_name, ["gpu", "cuda:", "cuda:x", "cuda:\u0661", 0, None], '"auto", "cpu", "cuda" or "cuda:N"'),
        (rate_hz, [7999, 192_001, 44100.0, "44100", True], '"keep", or a whole number from 8000 to 192000'),
        (days_or_ever, [-1, math.nan, math.inf, "ever", True], '"forever", or a number from 0 to 100000'),
        (hours, ["nights", 22, ["22:00-06:00"]], "hours as in"),
        (list_of_texts, ["a", [1], [""], ["a", "a"], None], "a list of texts"),
        (patterns, [["a\\*"], ["/a"], ["./a"]], "patterns from the watched folder on, with / between folders"),
        (patterns, [["drafts/"]], "patterns of files, so write 'drafts/*' for all in a folder"),
        (command, ["sh 'x", 'a "b'], "a program and its arguments, with every quote closed"),
        (command, [3, [1], None, ["a", "b\0"]], "a program and its arguments, as a list of texts or as one text"),
        (command, [["", "a"], [" "], ["{input}"], "./{output} x"], "the program first and by its own name"),
        # A file called `$(rm -r ~).wav` would be run.
        (
            command,
            ["sh -c 'cat {record}'", ["/bin/bash", "-ec", "{input}"]],
            "without placeholders in the text of a sh",
        ),
        (command, [["a", "{ouput}"]], "{status}, without {ouput}, and {{ or }} for a brace itself"),
        (command, [["{}"], ["{0}"], ["{input.x}"], ["{input[0]}"], ["{input!r}"], ["{input:>9}"]], "{input} {output}"),
        (command, [["{"], ["}"], ["{input"]], "{input} {output} {record} {original} {error} {status}"),
        (web_address, ["8787", "host", ":80", "::1:80", "[a]:x", "a:65536", "a b:1", "a:\u0661", 80, 1.5, []], '"127.'),
        (host_names, [["https://a.example"], ["a.example:443"], ["a/b"], ["*.example"], ["."]], "names as in"),
        (host_names, ["a.example", [1], ["a", "a"]], "a list of texts"),
        (token, ["0123456789abcde", "0123456789 abcdef", "0123456789abcde\u00e9", 10**20, None], "a secret of 16"),
    ],
)
def test_a_check_says_what_it_expects_and_takes_nothing_else(check: Any, wrong: list[Any], expected: str) -> None:
    for value in wrong:
        with pytest.raises(ValueError, match=r"^\S") as raised:
            check(value)
        assert expected in str(raised.value)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=4), st.data())
def test_a_command_is_filled_argument_by_argument(parts: list[str], data: st.DataObject) -> None:
    values = {name: data.draw(st.text(max_size=5)) for name in PLACEHOLDERS}
    escaped = [part.replace("{", "{{").replace("}", "}}") for part in parts]
    asked = command(["program", *(f"{part}{{{name}}}" for part in escaped for name in PLACEHOLDERS)])
    assert filled(asked, values) == ["program", *(part + values[name] for part in parts for name in PLACEHOLDERS)]


def test_what_a_command_asks_for_in_vain_is_empty() -> None:
    assert filled(command("tell '{error}!' {input}"), {"input": "a b.wav"}) == ["tell", "!", "a b.wav"]


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.0.2:1", False),
        ("localhost.example.org:1", False),
    ],
)
def test_an_address_knows_whether_others_can_reach_it_and_is_written_as_it_was(text: str, is_loopback: bool) -> None:
    address = web_address(text)
    assert address is not None
    assert address.is_loopback is is_loopback
    assert str(address) == text


def test_what_the_service_watches_is_known_without_an_audio_stack() -> None:
    script = (
        "import sys, rebounce.watchers.watch_file, rebounce.watchers.file_systems\n"
        "print(*[name for name in ('numpy', 'soundfile', 'scipy', 'onnxruntime', 'pedalboard', 'mutagen', 'rich') "
        "if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
