"""Reads an A/B experiment off a running service: likes per answer of each arm.

Run it by ``python docs/examples/ab_reading.py EXPERIMENT [URL [KEY]]``.
The counts are events, and one busy listener makes many: whether a difference is more than chance is
to be asked of listeners, each of them once (docs/experiments.md).
"""

import re
import sys
from collections import Counter

import httpx

name, url, *key = [*sys.argv[1:], "http://127.0.0.1:8000"][:3]
headers = {"Authorization": f"Bearer {key[0]}"} if len(sys.argv) > 3 else {}
text = httpx.get(f"{url}/metrics", headers=headers).raise_for_status().text

counts: Counter[tuple[str, str]] = Counter()
for labels, value in re.findall(r"^attune_experiment\w*_total\{(.*)\} (\S+)$", text, re.M):
    told = dict(re.findall(r'(\w+)="([^"]*)"', labels))
    if told["experiment"] == name:
        counts[told["arm"], told.get("event", "answers")] += int(float(value))
for arm in sorted({arm for arm, _ in counts}):
    answers, likes = counts[arm, "answers"], counts[arm, "like"]
    rate = f"{likes / answers:.3f}" if answers else "-"
    sys.stdout.write(f"{arm}: {answers} answers, {likes} likes, {rate} likes per answer\n")
