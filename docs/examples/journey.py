"""A playlist that leads from one mood to another, as a file for a player.

Run it by ``python docs/examples/journey.py FILE.m3u8|FILE.xspf|FILE.jspf [URL [KEY]]``.
"""

import sys
from pathlib import Path

from api.client import Client

target = Path(sys.argv[1])
with Client(*sys.argv[2:]) as attune:
    made = attune.playlist("ana", "sad", "calm", minutes=30)
    text = attune.playlist_file(made["id"], target.suffix.removeprefix("."))
target.write_text(text, encoding="utf-8")
for item in made["items"]:
    at = item["path"]
    sys.stdout.write(f"{at['valence']:+.2f} {at['arousal']:+.2f}  {item['song']['title']}\n")
sys.stdout.write(f"{made['duration_s'] / 60:.0f} minutes in {target}\n")
