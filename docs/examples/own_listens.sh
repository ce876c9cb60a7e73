#!/bin/sh
# Your own songs and listens from csv, a model of them, and a first list.
#     docs/examples/own_listens.sh SONGS.csv LISTENS.csv USER FOLDER
# songs: id,title,artist[,album,year,genre,language,tags,lyrics...]; listens: user,song,event,at
# An export of another service is read as it is:
#     attune ingest listens my_spotify_data.zip --format spotify --user me
set -eu
songs=$1 listens=$2 user=$3 folder=$4
attune db upgrade
attune ingest songs "$songs"
attune ingest listens "$listens"
attune train recommender --config docs/examples/small.toml --out "$folder/run"
attune publish "$folder/run"
attune recommend "$user" -n 5
