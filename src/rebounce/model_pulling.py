"""What `rebounce models pull` does: brings a package into the user's models folder, whole and checked, or not at all.

Always true here: until everything is there and every hash is right nothing is seen under the package's name; a package
that is replaced stays until then; nothing of a package is executed.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.errors import ModelError, OutputError, UsageError
from rebounce.engine.folder_lock import alone_in
from rebounce.engine.model_manifest import MANIFEST_NAME, is_model_name
from rebounce.engine.model_package import ModelPackage, load_package
from rebounce.engine.model_store import bundled_models, models_folder
from rebounce.engine.package_names import is_inside
from rebounce.engine.staged_folder import staged_folder
from rebounce.engine.staging import PREFIX, SUFFIX, Staged, output_errors
from rebounce.model_archive import unpack
from rebounce.model_fetching import Address, fetch, is_address
from rebounce.model_telling import package_bytes, plain
from rebounce.transfer_bar import TransferBar

if TYPE_CHECKING:
    from rebounce.cli_models import PullArguments

# No model can be called so: names begin with a letter or a digit.
_DOWNLOAD, _UNPACKED = "~download", f"{PREFIX}~unpacked{SUFFIX}"
PULLED, REPLACED, KEPT = "pulled", "replaced", "kept"


def pull(arguments: "PullArguments") -> None:
    """Fetch or copy, check, put in place, tell."""
    _check_name(arguments.name)
    source = _source(arguments)
    folder = models_folder()
    with alone_in(folder, folder / _DOWNLOAD, "pulls a model") as staged, _unpacked(folder) as room:
        found = _bring(arguments, source, staged, room)
        name = arguments.name or found.manifest.name
        _check_name(name)
        status = _put(found, folder / name, arguments.is_forced)
    _tell(arguments, load_package(folder / name), status)


def _check_name(name: str | None) -> None:
    if name is None:
        return
    if not is_model_name(name):
        raise UsageError(f"--name {name}: expected small letters, digits, '.', '_' and '-', at most 64")
    if name in bundled_models():
        raise UsageError(
            f"{name}: a model of this name comes with rebounce and would hide yours; give it another with --name"
        )


def _source(arguments: "PullArguments") -> Address | Path:
    """Where the package is, refused here where it cannot be."""
    given = arguments.source
    if not is_address(given):
        path = Path(given)
        if not (path.is_dir() or path.is_file()):
            raise UsageError(
                f"{given}: expected a URL, an archive or the folder of a model package, found no such file"
            )
        if arguments.sha256 is not None and path.is_dir():
            raise UsageError(
                f"{given}: --sha256 is for an archive, found a folder, whose files its manifest vouches for"
            )
        return path
    # An archive whose hash is known cannot be another, whatever happened to it on its way.
    allows_http = arguments.allows_http or arguments.sha256 is not None
    return Address(url=given, timeout_s=arguments.timeout_s, allows_http=allows_http)


@contextmanager
def _unpacked(folder: Path) -> Iterator[Path]:
    """An empty folder to unpack into, which is gone at the end; one that a killed run left goes first."""
    place = folder / _UNPACKED
    shutil.rmtree(place, ignore_errors=True)
    try:
        with output_errors(place):
            place.mkdir()
        yield place
    finally:
        with signals_wait():
            shutil.rmtree(place, ignore_errors=True)


def _bring(arguments: "PullArguments", source: Address | Path, staged: Staged, room: Path) -> ModelPackage:
    """The package, checked, somewhere in `room`."""
    if isinstance(source, Path) and source.is_dir():
        return _copied(load_package(source), room / _plain_stem(source.resolve().name))
    if isinstance(source, Path):
        digest, archive = _sha256(source), source
    else:
        with TransferBar(source.shown, is_shown=not arguments.is_quiet) as bar:
            digest, archive = fetch(source, staged.target, staged.file, bar.show), staged.path
    where = source.name if isinstance(source, Path) else source.shown
    if arguments.sha256 is not None and digest != arguments.sha256:
        raise ModelError(
            f"{where}: expected SHA-256 {arguments.sha256}, found {digest}; it is another file, or damaged: "
            "nothing of it was unpacked"
        )
    place = room / _plain_stem(where.rpartition("/")[2])
    place.mkdir()
    unpack(archive, where, place)
    return load_package(_package_folder(where, place))


def _plain_stem(name: str) -> str:
    """What to call a package until its manifest was read: its faults are told by this name."""
    stem = re.sub(r"(\.tar)?\.\w+$", "", name)
    return stem if is_inside(stem) and not stem.startswith(".") else "package"


def _copied(package: ModelPackage, folder: Path) -> ModelPackage:
    for name in (MANIFEST_NAME, *package.manifest.files):
        with output_errors(folder / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package.folder / name, folder / name)
    return load_package(folder)


def _package_folder(where: str, place: Path) -> Path:
    """Where the manifest is: at the top of what was unpacked, or in the one folder there."""
    if (place / MANIFEST_NAME).is_file():
        return place
    found = sorted(path.name for path in place.iterdir())
    if len(found) == 1 and (place / found[0] / MANIFEST_NAME).is_file():
        return place / found[0]
    raise ModelError(
        f"{where}: expected {MANIFEST_NAME} at the top of the archive or in the one folder there, found "
        f"{', '.join(map(repr, found[:5])) or 'nothing'}; check that it is the archive of a model package"
    )


def _put(package: ModelPackage, target: Path, is_forced: bool) -> str:
    """Move a package to its place; returns what became of it."""
    is_there = os.path.lexists(target)
    if is_there and not is_forced and _id_of(target) == package.id:
        return KEPT

    def may_go(old: Path) -> bool:
        if not is_forced:
            raise OutputError(
                f"{old}: a model of that name is there already, {_id_of(old) or 'a damaged one'}, and this is "
                f"{package.id}; add --force to replace it, or give this one another name with --name"
            )
        is_package = old.is_dir() and ((old / MANIFEST_NAME).is_file() or not any(old.iterdir()))
        if old.is_symlink() or not is_package:
            raise OutputError(f"{old}: expected a model package to replace, found something else; move it away")
        return True

    with staged_folder(target, may_go) as part:
        for path in list(package.folder.iterdir()):
            path.rename(part / path.name)
    return REPLACED if is_there else PULLED


def _id_of(folder: Path) -> str | None:
    try:
        return load_package(folder).id
    except ModelError:
        return None


def _tell(arguments: "PullArguments", package: ModelPackage, status: str) -> None:
    manifest, name = package.manifest, package.folder.name
    if arguments.as_json:
        about = {"name": name, "id": package.id, "version": manifest.version, "folder": str(package.folder)}
        click.echo(json.dumps({**about, "status": status, "bytes": package_bytes(package.folder, manifest)}))
    elif not arguments.is_quiet:
        size = spell_bytes(package_bytes(package.folder, manifest))
        click.echo(f"{status:9} {name}: {plain(manifest.version)} ({package.id}), {size} in {package.folder}")
        click.echo(f"          licence: {plain(manifest.licence)}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
