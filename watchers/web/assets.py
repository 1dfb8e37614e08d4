"""The files of the page itself, by their names."""

from hashlib import blake2b
from importlib.resources import files

from starlette.datastructures import Headers
from starlette.responses import Response

OWN, REPORT = "rebounce.watchers.web", "rebounce.engine"
SCRIPTS = ("page", "queue", "finished", "older", "detail", "pictures", "player", "sound", "dom")

# Where each is, and what it is.
ASSETS = {
    "index.html": (OWN, "text/html; charset=utf-8"),
    "page.css": (OWN, "text/css; charset=utf-8"),
    "icon.svg": (OWN, "image/svg+xml"),
    "report.css": (REPORT, "text/css; charset=utf-8"),
    **{f"{name}.js": (OWN, "text/javascript; charset=utf-8") for name in SCRIPTS},
}


def asset(asked: Headers, name: str) -> Response | None:
    """A file of the page; a browser that knows it already is told so in short."""
    if name not in ASSETS:
        return None
    package, media_type = ASSETS[name]
    data = files(package).joinpath(name).read_bytes()
    tag = f'"{blake2b(data, digest_size=12).hexdigest()}"'
    headers = {"cache-control": "no-cache", "etag": tag}
    if asked.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)
