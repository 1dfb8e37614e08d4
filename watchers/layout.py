"""Where everything of a watched folder lies: what is dropped, results, originals, failures, and what is ours alone.

What always holds: the reserved names count at the root of the folder only.
"""

from dataclasses import dataclass
from hashlib import blake2b
from os import fsencode
from os.path import realpath
from pathlib import Path, PurePosixPath

from rebounce.engine.batch_plan import target_name
from rebounce.watchers.numbering import fitting
from rebounce.watchers.settings import WatchFolder, plain_name

PRIVATE = ".rebounce"
LEDGER = "ledger.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places of one watched folder. `state` is where the ledger is: on a share a folder of this machine's own.

    `former` are names that its folders had before.
    """

    root: Path
    restored: str
    done: str
    errors: str
    state: Path
    former: tuple[str, ...] = ()

    @property
    def private(self) -> Path:
        """What is ours in the folder itself: claims, and on a local disk the ledger too."""
        return self.root / PRIVATE

    @property
    def ledger(self) -> Path:
        return self.state / LEDGER

    @property
    def claims(self) -> Path:
        return self.private / "claims"

    @property
    def mark(self) -> Path:
        """What tells the folder from another that lies in its place while it is unmounted."""
        return self.mark_of("")

    def mark_of(self, folder: str) -> Path:
        """The mark of a folder below, where that is watched by itself."""
        return self.root / folder / PRIVATE / "folder-id"

    @property
    def reserved(self) -> tuple[str, ...]:
        """The names at the root in which nothing is dropped."""
        return (self.restored, self.done, self.errors, PRIVATE, *self.former)

    def at(self, path: str) -> Path:
        """The place of a path that counts from the folder."""
        return self.root / path

    def is_reserved(self, path: str) -> bool:
        """True for what lies in one of our own folders."""
        # By their plain letters: a disk that takes "restored" for "Restored" would give us our own results to restore.
        return plain_name(path.partition("/")[0]) in map(plain_name, self.reserved)

    def result(self, path: str, file_format: str) -> str:
        """Where the result of a bounce goes."""
        return fitting(f"{self.restored}/{target_name(Path(path), file_format).as_posix()}")

    def copy(self, path: str, file_format: str) -> str:
        """Where the bounce itself goes when nothing was changed."""
        return f"{self.restored}/{path}" if file_format == "keep" else self.result(path, file_format)

    def original(self, path: str) -> str:
        """Where the original goes after success."""
        return f"{self.done}/{path}"

    def failure(self, path: str) -> str:
        """Where the original goes after failure."""
        return f"{self.errors}/{path}"


def layout_of(folder: WatchFolder, is_share: bool, state_folder: Path) -> Layout:
    """The places of a folder; `state_folder` is where this machine keeps what must not lie on a share."""
    digest = blake2b(fsencode(realpath(folder.path)), digest_size=8).hexdigest()
    return Layout(
        root=folder.path,
        restored=folder.restored,
        done=folder.done,
        errors=folder.errors,
        state=state_folder / f"{folder.path.name or 'root'}-{digest}" if is_share else folder.path / PRIVATE,
    )


def beside(path: str, name: str) -> str:
    """Another name in the same folder."""
    return PurePosixPath(path).with_name(name).as_posix()
