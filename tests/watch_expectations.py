"""What must hold in a watched folder once all is done: every bounce delivered once, and nothing besides."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

from watch_service import Ground, files_below

from rebounce import load_preset
from rebounce.engine.job import Job, Options
from rebounce.engine.preset import preset_hash
from rebounce.engine.restore import restore_file
from rebounce.watchers.bounce import FINISHED
from rebounce.watchers.ledger import Ledger

OWN_FILES = {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "log.jsonl", "folder-id", "names"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result that must be there: of which path it is, what was dropped there, and what is made of it."""

    path: str
    content: bytes
    made: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be there in the end, by the names in Restored/, Done/ and Errors/, and what else may be there; and by
    their paths what may have ended in Errors/ instead.
    """

    results: dict[str, Result] = field(default_factory=dict)
    originals: dict[str, bytes] = field(default_factory=dict)
    failures: dict[str, bytes] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    may_fail: frozenset[str] = frozenset()


def same(content: bytes) -> bytes:
    """What `bypass` makes."""
    return content


def delivered(
    dropped: Mapping[str, Sequence[bytes]],
    result_of: Callable[[bytes], bytes] = same,
    failed: Mapping[str, Sequence[bytes]] | None = None,
) -> Expectation:
    """All that was dropped restored once, or failed once; of each path the contents, the oldest first."""
    return Expectation(
        results={
            name: Result(path=path, content=content, made=result_of(content)) for path, name, content in _named(dropped)
        },
        originals={name: content for _, name, content in _named(dropped)},
        failures={name: content for _, name, content in _named(failed or {})},
    )


def _named(dropped: Mapping[str, Sequence[bytes]]) -> Iterator[tuple[str, str, bytes]]:
    for path, contents in dropped.items():
        for name, content in zip(_names(path, len(contents)), contents, strict=True):
            yield path, name, content


def by_chain(chain: Path) -> Callable[[bytes], bytes]:
    """What `restore_file` makes of a content with this chain."""
    board, options = load_preset(str(chain)), Options()
    key = preset_hash(board, options.shaping())
    made: dict[bytes, bytes] = {}

    def result_of(content: bytes) -> bytes:
        if content not in made:
            folder = chain.with_name("expected")
            folder.mkdir()
            source, target = folder / "in.wav", folder / "out.wav"
            source.write_bytes(content)
            job = Job(
                source=source, target=target, copy_target=target, options=options, preset=str(chain), preset_hash=key
            )
            restore_file(job, board)
            made[content] = target.read_bytes()
            shutil.rmtree(folder)
        return made[content]

    return result_of


def faults(ground: Ground, expected: Expectation) -> list[str]:
    """Everything that is not as it must be once all is done and no service runs; empty when all is well."""
    return [*_wrong_files(ground, expected), *_wrong_rows(ground), *_strays(ground, expected)]


def numbered(path: str, number: int) -> str:
    """What an older file is called."""
    place = PurePosixPath(path)
    return place.with_name(f"{place.stem} ({number}){place.suffix}").as_posix()


def _names(path: str, count: int) -> list[str]:
    """Where `count` contents of a path lie in the end, the oldest first: the newest has the plain name."""
    return [*(numbered(path, number) for number in range(1, count)), path]


def _plain(name: str) -> str:
    """What an older file was called."""
    return re.sub(r" \(\d+\)(?=\.)", "", name)


def _beside(path: str, suffix: str) -> str:
    return PurePosixPath(path).with_suffix(suffix).as_posix()


def _wanted(ground: Ground, expected: Expectation) -> dict[str, Callable[[Path], str | None]]:
    """Every file that must be there, with what looks at it and says what is wrong."""
    wanted: dict[str, Callable[[Path], str | None]] = {}
    failed = {path for path in expected.may_fail if (ground.root / "Errors" / path).exists()}
    failures = dict(expected.failures)
    for name, result in expected.results.items():
        if result.path in failed:
            failures[name] = result.content
            continue
        wanted[f"Restored/{name}"] = _holds(result.made)
        wanted[f"Restored/{_beside(name, '.json')}"] = _is_record(ground, name, result)
    wanted |= {f"Done/{name}": _holds(content) for name, content in expected.originals.items() if name not in failed}
    for name, content in failures.items():
        wanted[f"Errors/{name}"] = _holds(content)
        wanted[f"Errors/{_beside(name, '.txt')}"] = _is_sentence_about(_plain(PurePosixPath(name).name))
    return wanted


def _wrong_files(ground: Ground, expected: Expectation) -> Iterator[str]:
    for name, look in _wanted(ground, expected).items():
        path = ground.root / name
        wrong = look(path) if path.is_file() else "is missing"
        if wrong:
            yield f"{name} {wrong}"


def _holds(content: bytes) -> Callable[[Path], str | None]:
    return lambda path: None if path.read_bytes() == content else "has other bytes"


def _is_sentence_about(name: str) -> Callable[[Path], str | None]:
    def look(path: Path) -> str | None:
        text = path.read_text(encoding="utf-8")
        return None if text.startswith(f"{name}: ") and text.count("\n") == 1 else f"says {text!r}"

    return look


def _is_record(ground: Ground, name: str, result: Result) -> Callable[[Path], str | None]:
    wanted = {
        "input": str(ground.root / result.path),
        "output": str(ground.root / "Restored" / name),
        "input_sha256": sha256(result.content).hexdigest(),
        "error": None,
    }

    def look(place: Path) -> str | None:
        record = json.loads(place.read_text(encoding="utf-8"))
        found = {key: record[key] for key in wanted}
        is_fine = record["status"] in ("restored", "unchanged") and found == wanted
        return None if is_fine else f"says {record['status']}, {found}"

    return look


def _wrong_rows(ground: Ground) -> Iterator[str]:
    for bounce in ground.bounces():
        if bounce.state not in FINISHED or bounce.plan is not None or bounce.owner is not None:
            yield f"the ledger has {bounce.path} as {bounce.state} ({bounce.reason})"
    for path in ground.ledgers:
        with Ledger(path) as ledger:
            keys = [(bounce.path, bounce.content_sha256, bounce.preset_hash) for bounce in ledger.latest(-1)]
        if len(set(keys)) < len(keys):
            yield f"the ledger {path} has a bounce twice: {keys}"


def _strays(ground: Ground, expected: Expectation) -> Iterator[str]:
    wanted = _wanted(ground, expected)
    for name in files_below(ground.root):
        folder, _, own = name.partition("/")
        is_ours = folder == ".rebounce" and (own in OWN_FILES or re.fullmatch(r"log\.jsonl\.\d", own) is not None)
        if name not in wanted and name not in expected.others and not is_ours:
            yield f"{name} should not be there"
