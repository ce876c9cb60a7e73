"""The main flow by a client that ``openapi-python-client`` generated; needs only what that needs.

    PYTHONPATH=FOLDER python generated_flow.py URL KEY PICTURE

Prints one JSON object of what happened.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from pathlib import Path
from typing import Any

PACKAGE = "attune_generated"


def part(name: str) -> Any:
    """Return a module of the generated package."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def flow(url: str, key: str, picture: Path) -> dict[str, Any]:
    """Go through the main flow; return what a test can look at."""
    client = part("client").AuthenticatedClient(
        base_url=url, token=key, raise_on_unexpected_status=True
    )
    models, types = part("models"), part("types")
    recommend = part("api.recommend.recommend")
    first = recommend.sync(client=client, user="gen", mood="calm", n=5)
    songs = [item.song.id for item in first.items]
    event = models.FeedbackIn(user="gen", song=songs[0], event=models.FeedbackInEvent.LIKE)
    feedback = part("api.feedback.feedback").sync
    told = [feedback(client=client, body=event, idempotency_key="once").duplicate for _ in "ab"]
    after = recommend.sync(client=client, user="gen", mood="calm", n=5)
    page = part("api.songs.songs").sync(client=client, n=3)
    further = part("api.songs.songs").sync(client=client, n=3, cursor=page.next_cursor)
    near = part("api.songs.similar").sync(songs[0], client=client, n=2)
    journey = models.PlaylistIn(user="gen", from_="sad", to="calm", length=4)
    made = part("api.playlists.post_playlist").sync(client=client, body=journey)
    again = part("api.playlists.playlist").sync(made.id, client=client)
    # The generated function knows JSON only.
    file = client.get_httpx_client().get(made.links.m3u8)
    frame = types.File(io.BytesIO(picture.read_bytes()), "selfie.jpg", "image/jpeg")
    form = models.EmotionFilesBody(selfie=[frame])
    refused = part("api.recommend.emotion").sync(client=client, body=form)
    faceless = part("api.recommend.emotion").sync(client=client, body=form, consent=True)
    heard = part("api.users.history").sync("gen", client=client)
    part("api.users.erase_user").sync_detailed("gen", client=client)
    return {
        "first": songs,
        "duplicates": told,
        "after": [item.song.id for item in after.items],
        "catalogue": [song.id for song in [*page.items, *further.items]],
        "similar": len(near.items),
        "playlist": [len(made.items), len(again.items)],
        "file": file.content.decode()[:7],
        "refused": refused.code,
        "faceless": faceless.code,
        "history": [row.song for row in heard.items],
        "erased": part("api.users.export_user").sync("gen", client=client).code,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(flow(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
