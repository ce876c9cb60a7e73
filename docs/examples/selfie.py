"""Songs that fit the expression in one or several pictures of one moment.

Run it by ``python docs/examples/selfie.py PICTURE... [--url URL] [--key KEY]``.
Ask the person in the picture first: `consent=True` says that they agree. The picture stays in the
memory of the service and is forgotten with the request.
"""

import argparse
import sys

from api.client import Client, ServiceError

parser = argparse.ArgumentParser()
parser.add_argument("pictures", nargs="+", metavar="PICTURE")
parser.add_argument("--url", default="http://127.0.0.1:8000")
parser.add_argument("--key")
words = parser.parse_args()

with Client(words.url, words.key) as attune:
    try:
        answer = attune.recommend("ana", words.pictures, consent=True, n=5)
    except ServiceError as error:
        # Branch on the code: no_face, multiple_faces, unreadable_image, image_too_large...
        if error.code != "no_face":
            raise
        sys.stdout.write(f"{error.detail}; so the mood is stated\n")
        answer = attune.recommend("ana", mood="happy", n=5)
    emotion = answer["emotion"]
    doubt = " (uncertain)" if emotion["uncertain"] else ""
    sys.stdout.write(f"{emotion['label']} from {emotion['source']}{doubt}\n")
    for item in answer["items"]:
        sys.stdout.write(f"  {item['song']['artist']} - {item['song']['title']}\n")
