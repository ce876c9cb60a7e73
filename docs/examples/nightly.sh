#!/bin/sh
# Lists for every listener, once a night; safe to repeat, and goes on where it was stopped.
#     docs/examples/nightly.sh FOLDER
set -eu
folder=$1
mkdir -p "$folder"
attune train recommender --update --out "$folder/run"
attune publish "$folder/run"  # running services take it up by themselves
attune playlists --users all --length 50 --out "$folder/lists.parquet"
