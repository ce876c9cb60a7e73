"""Songs for a listener without a picture: by taste, by a stated mood, by words; and feedback.

Run it by ``python docs/examples/recommend.py [URL [KEY]]``.
"""

import sys

from api.client import Client

with Client(*sys.argv[1:]) as attune:
    for asked in ({}, {"mood": "melancholic", "strategy": "lift"}, {"query": "rainy sunday, slow"}):
        answer = attune.recommend("ana", n=5, **asked)
        sys.stdout.write(f"\n{asked or 'by taste alone'}\n")
        for item in answer["items"]:
            why = "; ".join(reason["text"] for reason in item["reasons"])
            sys.stdout.write(f"  {item['song']['artist']} - {item['song']['title']} ({why})\n")

    # What was liked does not come again, and the next answer knows it.
    best = answer["items"][0]["song"]["id"]
    attune.feedback("ana", best, "like")
    again = [item["song"]["id"] for item in attune.recommend("ana", n=100)["items"]]
    sys.stdout.write(f"\nliked {best}; comes again: {best in again}\n")

    # The next page of the same list, whatever happens in between.
    first = attune.recommend("ana", n=5, mood="calm")
    second = attune.recommend("ana", n=5, mood="calm", offset=5, session=first["session"])
    sys.stdout.write(f"next page begins at rank {second['items'][0]['rank']}\n")
