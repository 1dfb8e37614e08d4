"""`rebounce models`: what there is, what a package holds, and packages brought from anywhere, whole or not at all."""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from commands import Outcome, rebounce, rebounce_many
from small_packages import MODEL, adder, contents, small_package, tar, zipped
from web_serving import body, serving, status

from rebounce.engine.model_package import ModelPackage, load_package

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="moves the user's folder as Linux does")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's models folder, which is not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data/rebounce/models"


@pytest.fixture
def warm(tmp_path: Path) -> ModelPackage:
    return small_package(tmp_path / "made/warm", name="warm")


def _archive(package: ModelPackage, path: Path, top: str = "") -> Path:
    files = {top + name: data for name, data in contents(package.folder).items()}
    return (zipped if path.suffix == ".zip" else tar)(path, files)


def _one(*arguments: object) -> Outcome:
    (done,) = rebounce_many([["models", *arguments]])
    return done


def _is_clean(own: Path, *names: str) -> bool:
    """Nothing is there but these packages: no part, no lock."""
    return sorted(path.name for path in own.iterdir()) == sorted(names)


def test_a_model_that_was_pulled_is_listed_and_shown_by_its_name(own: Path, warm: ModelPackage, tmp_path: Path) -> None:
    archive = _archive(warm, tmp_path / "warm-1.0.tar.gz", "warm-1.0/")
    pulled, listed, as_json, shown = rebounce_many(
        [["models", *words] for words in (["pull", archive], ["list"], ["list", "--json"], ["show", "warm"])]
    )
    assert (pulled.code, listed.code, as_json.code, shown.code) == (0, 0, 0, 0)
    assert pulled.out.startswith(f"pulled    warm: 1.0.0 ({warm.id}), ")
    assert f" in {own / 'warm'}\n          licence: GPL-3.0-or-later\n" in pulled.out
    assert contents(own / "warm") == contents(warm.folder)
    (line,) = [line for line in listed.out.splitlines() if line.startswith("warm ")]
    assert line.split(maxsplit=1)[1].startswith("gain, 1.0.0, ")
    assert line.endswith(", own, GPL-3.0-or-later")
    entry = {record["name"]: record for record in as_json.records}["warm"]
    size = sum(len(data) for data in contents(warm.folder).values())
    assert entry == {
        **{"name": "warm", "place": "own", "folder": str(own / "warm"), "id": warm.id, "kind": "gain"},
        **{"version": "1.0.0", "licence": "GPL-3.0-or-later", "bytes": size, "error": None},
    }
    assert str(own) in listed.err
    assert shown.out.startswith(f"warm 1.0.0 ({warm.id})\n")
    assert _is_clean(own, "warm")


def test_what_is_shown_is_what_the_package_says_and_weighs(own: Path, warm: ModelPackage) -> None:
    shown, as_json = rebounce_many([["models", "show", warm.folder], ["models", "show", warm.folder, "--json"]])
    for words in (
        *("48 kHz, stereo", "480 frames (0.01 s), one every 480; 0 at either end are context", "GPL-3.0-or-later"),
        *("takes  audio: float32 (batch, 2, 480)", "gives  louder: float32 (batch, 2, 480)", "si_sdr_db = 12.3457"),
        *("python run.py", "No audio was used.", "It adds a number to its input.", "2.1 kB to 4.1 kB for its weights"),
    ):
        assert words in shown.out
    for name, digest in warm.manifest.files.items():
        assert any(digest in line and line.endswith(f"  {name}") for line in shown.out.splitlines())
    (data,) = as_json.records
    assert (data["id"], data["files"], data["scores"]) == (warm.id, warm.manifest.files, {"si_sdr_db": 12.3456789})
    assert data["sizes"] == {name: (warm.folder / name).stat().st_size for name in warm.manifest.files}
    assert data["memory"] == {"least_bytes": round(1.1 * 1937), "most_bytes": round(2.1 * 1937)}


def test_texts_of_somebody_else_cannot_command_a_terminal(own: Path, warm: ModelPackage, tmp_path: Path) -> None:
    manifest = warm.folder / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    text = text.replace('"GPL-3.0-or-later"', '"\\u001b[2Jfree\\u0007\\nnext"').replace(
        "No audio", "\\u001b[31mNo audio"
    )
    manifest.write_text(text.replace("si_sdr_db", '"\\u001b"'), encoding="utf-8")
    for done in rebounce_many(
        [["models", *words] for words in (["show", warm.folder], ["pull", warm.folder], ["list"])]
    ):
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
        assert "\x07" not in done.out + done.err


def test_a_name_that_no_model_has_is_told_with_those_there_are(own: Path) -> None:
    small_package(own / "warm")
    done = _one("show", "wram")
    assert done.code == 1
    assert f"in {own}: warm); did you mean 'warm'?" in done.err


def test_a_package_that_cannot_be_read_is_told_and_the_others_are_listed(own: Path) -> None:
    small_package(own / "warm")
    (own / "broken").mkdir()
    (own / "broken/manifest.toml").write_text("name = ", encoding="utf-8")
    listed, as_json = rebounce_many([["models", "list"], ["models", "list", "--json"]])
    assert (listed.code, as_json.code) == (1, 1)
    assert "warm " in listed.out
    assert "failed    broken/manifest.toml: expected TOML" in listed.err
    errors = {record["name"]: record["error"] for record in as_json.records}
    assert errors["warm"] is None
    assert "expected TOML" in errors["broken"]


@pytest.mark.parametrize(("name", "top"), [("a.zip", ""), ("a.tar", "x/"), ("a.tar.gz", ""), ("download", "x/")])
def test_an_archive_from_the_web_is_pulled_whatever_it_is_called(
    own: Path, warm: ModelPackage, tmp_path: Path, name: str, top: str
) -> None:
    archive = _archive(warm, tmp_path / name, top)
    with serving({f"/{name}": body(archive.read_bytes())}) as site:
        done = _one("pull", f"{site.address}/{name}", "--allow-http", "--json")
    (record,) = done.records
    assert (done.code, record["status"], record["name"], record["id"]) == (0, "pulled", "warm", warm.id)
    assert load_package(own / "warm").id == warm.id
    assert _is_clean(own, "warm")


def test_a_folder_is_pulled_without_what_does_not_belong_to_it(own: Path, warm: ModelPackage) -> None:
    expected = contents(warm.folder)
    (warm.folder / ".DS_Store").write_bytes(b"left behind")
    assert _one("pull", warm.folder, "--name", "warm-2").code == 0
    assert contents(own / "warm-2") == expected
    assert _is_clean(own, "warm-2")


def test_http_is_taken_only_where_it_can_do_no_harm_or_was_allowed(
    own: Path, warm: ModelPackage, tmp_path: Path
) -> None:
    data = _archive(warm, tmp_path / "warm.zip").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    with serving({"/warm.zip": body(data)}) as site:
        url = f"{site.address}/warm.zip"
        plainly, known, other = rebounce_many(
            [
                ["models", "pull", url],
                ["models", "pull", url, "--sha256", digest],
                ["models", "pull", url, "--sha256", "f" * 64],
            ]
        )
    assert (plainly.code, known.code, other.code) == (2, 0, 1)
    assert (
        "http:// lets anybody on the way put another package in its place; use https://, or give --sha256"
        in plainly.err
    )
    assert f"{url}: expected SHA-256 {'f' * 64}, found {digest}" in other.err
    assert len(site.asked) == 2
    assert _is_clean(own, "warm")


def test_the_same_again_is_kept_and_another_needs_force_or_a_name(
    own: Path, warm: ModelPackage, tmp_path: Path
) -> None:
    other = small_package(tmp_path / "made/other", name="warm", weight=2.0)
    first, again, refused, named, forced = rebounce_many(
        [
            *(
                ["models", "pull", warm.folder],
                ["models", "pull", warm.folder, "--json"],
                ["models", "pull", other.folder],
            ),
            ["models", "pull", other.folder, "--name", "hot"],
            ["models", "pull", other.folder, "--force", "--json"],
        ]
    )
    assert [done.code for done in (first, again, refused, named, forced)] == [0, 0, 1, 0, 0]
    assert again.records[0]["status"] == "kept"
    assert f"already, {warm.id}, and this is {other.id}; add --force to replace it, or give this one" in refused.err
    assert (forced.records[0]["status"], load_package(own / "warm").id) == ("replaced", other.id)
    assert load_package(own / "hot").id == other.id
    assert _is_clean(own, "hot", "warm")


def test_a_damaged_package_is_replaced_only_by_force(own: Path, warm: ModelPackage) -> None:
    small_package(own / "warm")
    (own / "warm" / MODEL).write_bytes(b"damaged")
    refused, forced = rebounce_many([["models", "pull", warm.folder], ["models", "pull", warm.folder, "--force"]])
    assert (refused.code, forced.code) == (1, 0)
    assert "a damaged one" in refused.err
    assert load_package(own / "warm").id == warm.id


def test_what_is_no_package_is_never_replaced(own: Path, warm: ModelPackage, tmp_path: Path) -> None:
    (own / "warm").mkdir(parents=True)
    (own / "warm/notes.txt").write_text("mine", encoding="utf-8")
    (own / "hot").symlink_to(small_package(tmp_path / "elsewhere").folder)
    (own / "cold").write_text("a file", encoding="utf-8")
    before = contents(tmp_path)
    names = ("warm", "hot", "cold")
    pulls = rebounce_many([["models", "pull", warm.folder, "--name", name, "--force"] for name in names])
    for name, done in zip(names, pulls, strict=True):
        assert done.code == 1
        assert f"{own / name}: expected a model package to replace, found something else" in done.err
    assert contents(tmp_path) == before
    assert (own / "hot").is_symlink()


def test_a_package_with_a_fault_is_never_seen_under_its_name(own: Path, warm: ModelPackage, tmp_path: Path) -> None:
    good = contents(warm.folder)
    manifest = good["manifest.toml"].replace(b"[files]", b'[files]\n"../evil" = "' + b"0" * 64 + b'"')
    faults = {
        "changed": (good | {MODEL: adder(2.0)}, f"changed: {MODEL}: expected SHA-256"),
        "gone": ({name: data for name, data in good.items() if name != MODEL}, f"gone: expected the file {MODEL}"),
        "more": (good | {"more.bin": b"x"}, "expected only files that manifest.toml lists, found more.bin as well"),
        "bare": ({MODEL: good[MODEL]}, "expected manifest.toml at the top of the archive or in the one folder there"),
        "evil": (good | {"manifest.toml": manifest}, "expected names of files inside the package"),
        "deep": ({f"a/b/{name}": data for name, data in good.items()}, "found 'a'; check that it is the archive"),
        "up": (good | {"../up": b"x"}, "up.tar.gz: expected names of files inside the package, found '../up'"),
    }
    for name, (files, _) in faults.items():
        tar(tmp_path / f"{name}.tar.gz", files)
    before = contents(tmp_path)
    pulls = rebounce_many([["models", "pull", tmp_path / f"{name}.tar.gz", "--force"] for name in faults])
    for done, (_, told) in zip(pulls, faults.values(), strict=True):
        assert (done.code, done.out) == (1, "")
        assert told in done.err
    assert contents(tmp_path) == before
    assert _is_clean(own)


def test_what_cannot_be_pulled_is_wrong_usage_and_leaves_nothing(own: Path, warm: ModelPackage, tmp_path: Path) -> None:
    folder = warm.folder
    wrong = {
        (tmp_path / "none.zip",): "expected a URL, an archive or the folder of a model package, found no such file",
        ("ftp://example.org/x.zip",): "expected an address that begins with https://",
        (folder, "--name", "Warm"): "--name Warm: expected small letters",
        (folder, "--name", "../warm"): "expected small letters",
        (folder, "--name", "con"): "expected small letters",
        (folder, "--sha256", "f" * 64): "--sha256 is for an archive, found a folder",
        (folder, "--sha256", "abc"): "expected 64 hex digits, found 'abc'",
        (folder, "--timeout", "nan"): "expected a number",
        (): "Missing argument",
    }
    for done, told in zip(rebounce_many([["models", "pull", *words] for words in wrong]), wrong.values(), strict=True):
        assert (done.code, done.out) == (2, "")
        assert told in done.err
    assert not own.exists()


def test_faults_of_the_web_are_told_and_leave_nothing(own: Path) -> None:
    with serving({"/page": body(b"<!doctype html>"), "/no": status(410), "/empty": body(b"")}) as site:
        asked = [["models", "pull", f"{site.address}/{name}", "--allow-http"] for name in ("page", "no", "empty")]
        page, gone, empty = rebounce_many(asked)
    assert (page.code, gone.code, empty.code) == (1, 1, 1)
    assert f"{site.address}/page: expected a .zip, .tar or .tar.gz, found a web page" in page.err
    assert "the server answered 410 (Gone)" in gone.err
    assert "found an empty file" in empty.err
    assert _is_clean(own)


def test_a_folder_that_may_not_be_written_to_is_told(own: Path, warm: ModelPackage) -> None:
    own.parent.mkdir(parents=True)
    own.write_text("in the way", encoding="utf-8")
    done = _one("pull", warm.folder)
    assert done.code == 1
    assert f"{own}" in done.err


def test_a_pulled_model_is_found_from_anywhere_and_offline(own: Path, warm: ModelPackage, tmp_path: Path) -> None:
    assert _one("pull", warm.folder).code == 0
    shutil.rmtree(warm.folder)
    done = rebounce("models", "show", "warm", "--json")
    assert json.loads(done.out)["folder"] == os.fspath(own / "warm")
