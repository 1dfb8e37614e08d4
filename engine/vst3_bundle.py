"""Where a VST3 bundle's loadable part is: the bundle folder on Linux and macOS, the inner file on Windows.

Either may be given on any system. The Windows and macOS rules have not been run on their systems.
"""

import platform
import sys
from difflib import get_close_matches
from pathlib import Path

from rebounce.engine.errors import ChainError

SUFFIX = ".vst3"


def find_bundle(path: str) -> str:
    """What pedalboard is to load for `path`; a ChainError when nothing there can be loaded on this system."""
    given = Path(path).expanduser()
    if not given.exists():
        raise ChainError(_missing(path, given))
    bundle = next((place for place in (given, *given.parents) if _is_bundle(place)), None)
    if bundle is None:
        if given.suffix.lower() == SUFFIX and given.is_file():
            return str(given)  # the older single-file form, Windows only in practice
        raise ChainError(f"{path}: expected a VST3 bundle (a folder or file ending in .vst3), found something else")
    return str(_inner_file(bundle) if sys.platform == "win32" else _with_binary(bundle))


def _is_bundle(place: Path) -> bool:
    return place.suffix.lower() == SUFFIX and (place / "Contents").is_dir()


def _missing(path: str, given: Path) -> str:
    beside = sorted(item.name for item in given.parent.glob("*" + SUFFIX)) if given.parent.is_dir() else []
    close = get_close_matches(given.name, beside, n=1)
    hint = f"did you mean {given.parent / close[0]}?" if close else "check the path, or install the plugin"
    return f"{path}: expected a VST3 bundle, found nothing there; {hint}"


def _with_binary(bundle: Path) -> Path:
    """The bundle, if it holds something for this system."""
    here = "MacOS" if sys.platform == "darwin" else f"{platform.machine()}-linux"
    if not (bundle / "Contents" / here).is_dir():
        raise _built_for_others(bundle, here)
    return bundle


def _inner_file(bundle: Path) -> Path:
    found = sorted(bundle.glob(f"Contents/*-win/*{SUFFIX}"))
    if not found:
        raise _built_for_others(bundle, "Windows")
    return found[0]


def _built_for_others(bundle: Path, here: str) -> ChainError:
    held = sorted(item.name for item in (bundle / "Contents").iterdir() if item.is_dir() and item.name != "Resources")
    return ChainError(
        f"{bundle}: expected a plugin built for {here}, found {', '.join(held) or 'none'}; "
        "install the version for this system"
    )
