"""What is served where: the page, its stream of changes, what there is of each bounce, and what can be asked for.

What always holds: addresses hold keys and numbers, never paths; and whatever touches a disk runs in a thread of its
own, never in the loop that serves.
"""

import json
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from rebounce import __version__
from rebounce.engine.errors import OutputError
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.status import MOST_LISTED, Watched
from rebounce.watchers.web.assets import asset
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.darkroom import Darkroom
from rebounce.watchers.web.shelf import Shelf, file_inside, is_here, opened, shown
from rebounce.watchers.web.sides import AFTER, BEFORE, PICTURES, Sides, sides_of, sights
from rebounce.watchers.web.stream import Streams
from rebounce.watchers.web.views import View, detail_view, finished_views, preset_choices
from rebounce.watchers.web.whereabouts import original_of

LARGEST_ID = 2**63 - 1
FINISHED = tuple(state.value for state in (State.DONE, State.UNCHANGED, State.FAILED))
KEPT_BY_BROWSER = "private, max-age=86400, immutable"
IN_THE_WAY = "A newer bounce of this name is under way; wait until it is finished."
NO_FOLDER = "There is no such folder here any more."
NOT_THERE = "The original is not where it was put; drop it into the folder again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the answers are made of."""

    shelf: Shelf
    streams: Streams
    darkroom: Darkroom
    calls: Calls

    def application(self) -> Starlette:
        """The answers by their addresses."""
        one, all_of_one = "/bounces/{folder}/{id}", "/folders/{folder}"
        return Starlette(
            routes=[
                Route("/", self.index),
                Route("/assets/{name}", self.asset),
                Route("/health", self.health),
                Route("/events", self.events),
                Route(f"{all_of_one}/older", self.older),
                Route(f"{all_of_one}/retry", self.retry_failed, methods=["POST"]),
                Route(one, self.detail),
                Route(f"{one}/sights", self.sights),
                Route(f"{one}/file/{{side}}", self.download),
                Route(f"{one}/retry", self.retry, methods=["POST"]),
                Route(f"{one}/rerun", self.rerun, methods=["POST"]),
                Route(f"{one}/{{key}}/{{name}}", self.sight),
            ],
            exception_handlers={
                HTTPException: _refused,
                OutputError: _out_of_reach,
                ClientDisconnect: _gone,
                Exception: _broken,
            },
        )

    def index(self, request: Request) -> Response:
        return self._part(request, "index.html")

    def asset(self, request: Request) -> Response:
        return self._part(request, request.path_params["name"])

    def health(self, request: Request) -> Response:
        """For programs that look after others; says nothing that is private."""
        counts: dict[str, int] = {state.value: 0 for state in State}
        away = 0
        for watched in self.shelf.all().values():
            is_there = is_here(watched)
            try:
                with opened(watched) as ledger:
                    for state, count in ledger.counts().items():
                        counts[state.value] += count
            except OutputError:
                is_there = False
            away += not is_there
        is_well = self.calls.healthy()
        told = {"ok": is_well, "version": __version__, "folders": len(self.shelf.all()), "out_of_reach": away}
        return _json(told | {"counts": counts}, status=200 if is_well else 503)

    async def events(self, request: Request) -> Response:
        if self.streams.is_full:
            raise HTTPException(503, "Too many pages are open; close some.")
        # A server that stands before this one is not to gather what is said before it hands it on.
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(self.streams.events(), media_type="text/event-stream", headers=headers)

    def older(self, request: Request) -> Response:
        """What was finished before a moment that the page knows, the latest first."""
        watched = self._watched(request)
        before, state = _asked_moment(request), request.query_params.get("state")
        if state is not None and state not in FINISHED:
            raise HTTPException(400, f"Expected one of the states {', '.join(FINISHED)}.")
        with opened(watched) as ledger:
            bounces = ledger.older(before, MOST_LISTED, None if state is None else State(state))
        return _json({"finished": finished_views(bounces, watched)})

    def detail(self, request: Request) -> Response:
        watched, bounce = self._bounce(request)
        sides = sides_of(watched.layout, bounce)
        links = {
            side: f"{_address(request)}/file/{side}"
            for side, is_asked in ((BEFORE, True), (AFTER, bounce.state is not State.FAILED))
            if is_asked and sides.file(side) is not None
        }
        told = detail_view(request.path_params["folder"], watched, bounce)
        return _json(told | {"files": links, "presets": self._choices(watched)})

    def sights(self, request: Request) -> Response:
        watched, bounce = self._bounce(request)
        return _json(sights(sides_of(watched.layout, bounce), self.darkroom, _address(request)))

    def sight(self, request: Request) -> Response:
        """A picture, or the sound, of one side."""
        watched, bounce = self._bounce(request)
        sides = sides_of(watched.layout, bounce)
        side, _, picture = request.path_params["name"].removesuffix(".png").partition("-")
        if request.path_params["key"] != sides.key or sides.file(side) is None:
            raise HTTPException(404, sides.gone or "It is not there any more; load the page again.")
        headers = {"cache-control": KEPT_BY_BROWSER}
        if picture:
            path = self.darkroom.place(sides.key, f"{side}-{picture}.png") if picture in PICTURES else None
            media_type = "image/png"
        else:
            path, media_type = self._sound(sides, side)
        if path is None:
            raise HTTPException(404, "It is not there any more; load the page again.")
        return FileResponse(path, media_type=media_type, headers=headers)

    def download(self, request: Request) -> Response:
        watched, bounce = self._bounce(request)
        path = sides_of(watched.layout, bounce).file(request.path_params["side"])
        if path is None:
            raise HTTPException(404, "This file is not in the folder any more.")
        disposition = f"attachment; filename*=UTF-8''{quote(shown(path.name))}"
        return FileResponse(path, media_type="application/octet-stream", headers={"content-disposition": disposition})

    async def retry(self, request: Request) -> Response:
        preset = await _asked_preset(request)
        return await run_in_threadpool(self._retry, request, preset)

    async def rerun(self, request: Request) -> Response:
        preset = await _asked_preset(request)
        return await run_in_threadpool(self._rerun, request, preset)

    async def retry_failed(self, request: Request) -> Response:
        await _asked(request)
        return await run_in_threadpool(self._retry_failed, request)

    def _part(self, request: Request, name: str) -> Response:
        found = asset(request.headers, name)
        if found is None:
            raise HTTPException(404, "There is nothing here.")
        return found

    def _retry(self, request: Request, preset: str | None) -> Response:
        watched, bounce = self._bounce(request)
        if preset is not None:
            self._check_preset(watched, preset)
        if file_inside(watched.layout, bounce.source) is None:
            raise HTTPException(409, NOT_THERE)
        with opened(watched) as ledger:
            if not ledger.retry(bounce.id, preset):
                raise HTTPException(409, IN_THE_WAY if bounce.state is State.FAILED else "It has not failed.")
        self.calls.wake()
        return _json({"ok": True})

    def _retry_failed(self, request: Request) -> Response:
        with opened(self._watched(request)) as ledger:
            retried = ledger.retry_all()
        if retried:
            self.calls.wake()
        return _json({"retried": retried})

    def _rerun(self, request: Request, preset: str | None) -> Response:
        watched, bounce = self._bounce(request)
        self._check_preset(watched, preset)
        assert preset is not None
        if bounce.state not in (State.DONE, State.UNCHANGED):
            raise HTTPException(409, "It is not finished.")
        if file_inside(watched.layout, bounce.source) is None or original_of(watched.layout, bounce) != bounce.source:
            raise HTTPException(409, NOT_THERE)
        with opened(watched) as ledger:
            if not ledger.rerun(bounce.id, preset):
                raise HTTPException(409, IN_THE_WAY)
        self.calls.wake()
        return _json({"ok": True})

    def _check_preset(self, watched: Watched, preset: str | None) -> None:
        choices = self._choices(watched)
        if preset not in [value for value, _ in choices]:
            raise HTTPException(400, f"Expected one of the presets {', '.join(label for _, label in choices)}.")

    def _choices(self, watched: Watched) -> list[list[str]]:
        """What a bounce of this folder can be run with; its own preset whatever becomes of the others."""
        try:
            known = self.calls.presets()
        except Exception as problem:
            self.calls.failed("the presets cannot be listed", problem)
            known = []
        return preset_choices(known, watched.preset)

    def _watched(self, request: Request) -> Watched:
        watched = self.shelf.find(request.path_params["folder"])
        if watched is None:
            raise HTTPException(404, NO_FOLDER)
        return watched

    def _bounce(self, request: Request) -> tuple[Watched, Bounce]:
        watched = self.shelf.find(request.path_params["folder"])
        id = _number(request.path_params["id"])
        if watched is not None and id is not None:
            with opened(watched) as ledger:
                bounce = ledger.bounce(id)
            if bounce is not None:
                return watched, bounce
        raise HTTPException(404, "There is no such bounce here any more.")

    def _sound(self, sides: Sides, side: str) -> tuple[Any, str]:
        made = self.darkroom.sights(sides.key, sides.to_dict()) or {"problem": "not made"}
        if made["problem"] or side not in made["sides"]:
            return None, ""
        media_type = made["sides"][side]["media_type"]
        if media_type:
            return sides.file(side), media_type
        return self.darkroom.place(sides.key, f"{side}.wav"), "audio/wav"


def _address(request: Request) -> str:
    return f"/bounces/{request.path_params['folder']}/{request.path_params['id']}"


def _number(text: str) -> int | None:
    """The number of a bounce; None for what cannot be one."""
    is_one = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID)) and int(text) <= LARGEST_ID
    return int(text) if is_one else None


def _asked_moment(request: Request) -> tuple[float, int]:
    """When the last one was finished that the page knows, and its number."""
    id = _number(request.query_params.get("id", ""))
    try:
        at_s = float(request.query_params.get("at", ""))
    except ValueError:
        at_s = math.nan
    if id is None or not math.isfinite(at_s):
        raise HTTPException(400, "Expected ?at=SECONDS&id=NUMBER of a finished bounce.")
    return at_s, id


async def _asked(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as problem:
        raise HTTPException(400, "Expected JSON.") from problem


async def _asked_preset(request: Request) -> str | None:
    asked = await _asked(request)
    preset = asked.get("preset") if isinstance(asked, dict) else 0
    if not isinstance(preset, str | None):
        raise HTTPException(400, 'Expected {"preset": NAME} or {"preset": null}.')
    return preset


def _json(data: View, status: int = 200) -> Response:
    """In ASCII, so that no name can spoil it."""
    return Response(json.dumps(data, allow_nan=False), status_code=status, media_type="application/json")


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return _json({"error": problem.detail}, problem.status_code)


async def _gone(request: Request, problem: Exception) -> Response:
    return _json({"error": "The rest of what was asked for did not come."}, 400)


async def _out_of_reach(request: Request, problem: Exception) -> Response:
    return _json({"error": str(problem)}, 503)


async def _broken(request: Request, problem: Exception) -> Response:
    """A fault of ours: the service says what, and here as little as possible."""
    return _json({"error": "Something went wrong; the log of the service says what."}, 500)
