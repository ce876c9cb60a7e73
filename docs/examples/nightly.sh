#!/bin/sh
# Lists for every listener, once a night, in a folder of the day; what was stopped goes on when it
# is run again that day.
#     docs/examples/nightly.sh FOLDER
set -eu
day=$1/$(date -u +%F)
mkdir -p "$day"
if [ ! -e "$day/published" ]; then
    [ -e "$day/run/record.json" ] || attune train recommender --update --out "$day/run"
    attune publish "$day/run"  # running services take it up by themselves
    touch "$day/published"
fi
lists=$day/lists.parquet
[ -e "$lists" ] || attune playlists --users all --length 50 --out "$lists"
