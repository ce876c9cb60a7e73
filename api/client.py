"""A client of the service; needs ``httpx`` and nothing else of this project.

Answers are the JSON of ``/docs``, as dictionaries. What is refused for now (429, 503) or lost on
the way is sent again; what would count twice then carries an ``Idempotency-Key``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import quote

import httpx

Answer = dict[str, Any]
Picture = bytes | str | Path
Selfie = Picture | Sequence[Picture]
Event = Literal["play", "complete", "skip", "like", "dislike", "save"]


class ServiceError(Exception):
    """The service refused, or was ``unreachable`` (status 0); branch on ``code``, see ``/docs``."""

    def __init__(self, status: int, told: Answer) -> None:
        self.status, self.code = status, told.get("code", "http_error")
        self.detail, self.request_id = told.get("detail", ""), told.get("request_id", "")
        super().__init__(f"{self.code} ({status}): {self.detail}")


class Client(AbstractContextManager["Client"]):
    """One service; connections are kept until the end of its ``with``.

    A try may take ``timeout_s``, and there are at most ``retries`` more; a ``Retry-After`` beyond
    ``longest_wait_s`` is not waited for. ``http`` is passed on: ``verify``, ``proxy``...
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", key: str | None = None, *,
        timeout_s: float = 30.0, retries: int = 3, longest_wait_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep, **http: Any,
    ) -> None:  # fmt: skip
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s, **http)
        self._retries, self._longest_wait_s, self._sleep = retries, longest_wait_s, sleep

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def recommend(self, user: str, selfie: Selfie = (), **more: Any) -> Answer:
        """Return songs; ``more`` as in ``/docs``: ``mood``, ``n``... Selfies: see ``emotion``."""
        return self._pictured("/recommend", selfie, {"user": user, **more})

    def emotion(self, selfie: Selfie, **more: Any) -> Answer:
        """Read one to five frames of one moment, bytes or paths; needs ``consent=True``."""
        return self._pictured("/emotion", selfie, more)

    def feedback(self, user: str, song: str, event: Event, **more: Any) -> Answer:
        """Tell what a listener did with a song; ``more``: ``at``, ``emotion``."""
        return self._write("/feedback", {"user": user, "song": song, "event": event, **more})

    def songs(self, **search: Any) -> Iterator[Answer]:
        """Yield what a search finds, page after page: ``q``, ``artist``, ``year_from``..."""
        return self._pages("/songs", search)

    def song(self, song: str) -> Answer:
        """Return one song."""
        return self._ask("GET", f"/songs/{quote(song, '')}")

    def similar(self, song: str, n: int = 20) -> Answer:
        """Return the songs nearest to one, best first, as ``items``."""
        return self._ask("GET", f"/songs/{quote(song, '')}/similar", params={"n": n})

    def add_song(self, title: str, artist: str, **more: Any) -> Answer:
        """Add a song, or update the one of that ``id``; ``more``: ``lyrics``, ``year``..."""
        return self._write("/songs", {"title": title, "artist": artist, **more})

    def playlist(self, user: str, start: str, end: str | None = None, **more: Any) -> Answer:
        """Make a journey between two moods; ``more``: ``length`` or ``minutes``..."""
        return self._write("/playlists", {"user": user, "from": start, "to": end, **more})

    def playlist_file(self, playlist: str, suffix: Literal["m3u8", "xspf", "jspf"]) -> str:
        """Return a playlist as the text of a file for players."""
        return self._send("GET", f"/playlists/{quote(playlist, '')}.{suffix}").text

    def history(self, user: str) -> Iterator[Answer]:
        """Yield a user's events, newest first, page after page."""
        return self._pages(f"/users/{quote(user, '')}/history", {})

    def export(self, user: str) -> Answer:
        """Return everything stored about a user."""
        return self._ask("GET", f"/users/{quote(user, '')}/export")

    def erase(self, user: str) -> None:
        """Erase a user and all that is stored about them."""
        self._send("DELETE", f"/users/{quote(user, '')}")

    def muted_artists(self, user: str) -> list[str]:
        """Return the artists that are left out of a user's lists."""
        path = f"/users/{quote(user, '')}/muted-artists"
        return [item["artist"] for item in self._ask("GET", path)["items"]]

    def mute(self, user: str, artist: str, muted: bool = True) -> None:
        """Leave an artist out of a user's lists, or let them come back."""
        method, path = "PUT" if muted else "DELETE", f"/users/{quote(user, '')}/muted-artists"
        self._send(method, path, params={"artist": artist})

    def _pictured(self, path: str, selfie: Selfie, params: Answer) -> Answer:
        frames = [selfie] if isinstance(selfie, bytes | str | Path) else selfie
        files = [("selfie", f if isinstance(f, bytes) else Path(f).read_bytes()) for f in frames]
        return self._ask("POST" if files else "GET", path, params=params, files=files or None)

    def _write(self, path: str, body: Answer) -> Answer:
        told = {name: value for name, value in body.items() if value is not None}
        return self._ask("POST", path, json=told, headers={"Idempotency-Key": uuid.uuid4().hex})

    def _pages(self, path: str, params: Answer) -> Iterator[Answer]:
        while path:
            page = self._ask("GET", path, params=params)
            yield from page["items"]
            params = {**params, "cursor": page["next_cursor"]}
            path = path if page["next_cursor"] is not None else ""

    def _ask(self, method: str, path: str, **sent: Any) -> Answer:
        return cast(Answer, self._send(method, path, **sent).json())

    def _send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        sent["params"] = {n: v for n, v in sent.get("params", {}).items() if v is not None}
        left, wait = self._retries, 0.25
        while True:
            try:
                response = self._http.request(method, path, **sent)
            except httpx.TransportError as error:
                problem = ServiceError(0, {"code": "unreachable", "detail": str(error)})
            else:
                done = method == "DELETE" and left < self._retries  # by the try that got lost
                if response.is_success or (done and response.status_code == 404):
                    return response
                kind, after = (response.headers.get(n, "") for n in ("Content-Type", "Retry-After"))
                wait = float(after) if after.isdecimal() else wait
                body = response.json() if "problem+json" in kind else {}
                problem = ServiceError(response.status_code, body)
            if not left or problem.status not in (0, 429, 503) or wait > self._longest_wait_s:
                raise problem
            self._sleep(wait)
            left, wait = left - 1, wait * 2
