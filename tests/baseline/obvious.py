"""``/recommend`` written the obvious way: Keras `predict` and `implicit.recommend` in FastAPI.

The same database, listeners and pictures, and the same network (untrained: that costs as much), as
tutorials put them together. It does less: nothing of what a listener did since the start counts, a
new listener gets an error, mood chooses nothing, there are no reasons, limits or consent.

    ATTUNE_HOME=DIR python -m uvicorn tests.baseline.obvious:app
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pandas as pd
from fastapi import FastAPI, File, HTTPException, UploadFile
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from sqlalchemy import create_engine, text

from data.types import EMOTIONS
from vision.config import NetworkConfig
from vision.networks import build_network

home = Path(os.environ.get("ATTUNE_HOME", "var"))
engine = create_engine(os.environ.get("ATTUNE_DATABASE_URL") or f"sqlite:///{home / 'attune.db'}")
network = build_network(NetworkConfig(name="compact_vgg", side=48, widths=(48, 96, 192, 384)))
faces = cv2.CascadeClassifier(
    f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml"  # type: ignore[attr-defined]
)

with engine.connect() as connection:
    played = pd.read_sql(text("SELECT user_id, song_id FROM interactions"), connection)
    ids: dict[str, int] = dict(connection.execute(text("SELECT external_id, id FROM users")).all())
users, songs = played.user_id.astype("category"), played.song_id.astype("category")
listened = csr_matrix((np.ones(len(played), np.float32), (users.cat.codes, songs.cat.codes)))
als = AlternatingLeastSquares(factors=64, random_state=42)
als.fit(listened, show_progress=False)
row_of = {key: row for row, key in enumerate(users.cat.categories)}

app = FastAPI()


@app.get("/health/ready")
def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.get("/recommend")
def recommend(user: str, n: int = 20) -> dict[str, Any]:
    if user not in ids:
        raise HTTPException(404, "unknown user")
    row = row_of[ids[user]]
    found, scores = als.recommend(row, listened[row], N=n, filter_already_liked_items=True)
    keys = [int(songs.cat.categories[i]) for i in found]
    query = (
        "SELECT songs.id, external_id, title, artists.name AS artist, album, year, duration_s"
        f" FROM songs JOIN artists ON artists.id = artist_id WHERE songs.id IN ({str(keys)[1:-1]})"
    )
    with engine.connect() as connection:
        rows = {r.id: dict(r._mapping) for r in connection.execute(text(query))}
    pairs = zip(keys, scores.tolist(), strict=True)
    return {"user": user, "items": [{"song": rows[key], "score": score} for key, score in pairs]}


@app.post("/recommend")
def recommend_by_selfie(user: str, n: int = 20, selfie: UploadFile = File()) -> dict[str, Any]:  # noqa: B008
    picture = cv2.imdecode(np.frombuffer(selfie.file.read(), np.uint8), cv2.IMREAD_GRAYSCALE)
    boxes = faces.detectMultiScale(picture, 1.1, 5)  # type: ignore[arg-type]
    if not len(boxes):
        raise HTTPException(422, "no face")
    x, y, w, h = max(boxes, key=lambda box: box[2] * box[3])
    face = cv2.resize(picture[y : y + h, x : x + w], (48, 48)).astype("float32")  # type: ignore[index]
    logits = network.predict(face[None, :, :, None], verbose=0)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits[0])).tolist()
    emotion = dict(zip(EMOTIONS, probabilities, strict=True))
    return {"emotion": emotion, **recommend(user, n)}
