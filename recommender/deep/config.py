"""Configuration of the networks, and the card that travels with a fitted ranker."""

from __future__ import annotations

from pydantic import Field

from data.config import FrozenConfig


class FeatureGroups(FrozenConfig):
    """Which inputs the ranker sees; the hybrid's own score is always among them."""

    evidence: bool = Field(True, description="every scorer: standard score, rank, missing or not")
    listener: bool = Field(True, description="length of the history, share each scorer can score")
    popularity: bool = Field(True, description="listeners of the song")
    recency: bool = Field(True, description="age of the song")
    mood: bool = Field(True, description="mood of the song, the target, and how far apart")
    lyrics: bool = Field(True, description="lyric vector against the mean of the history")
    tags: bool = Field(True, description="reduced terms, likewise")
    factors: bool = Field(True, description="collaborative factors, likewise")
    products: bool = Field(
        False, description="lyrics, tags and factors by component, not only as one cosine"
    )


class DeepRankerConfig(FrozenConfig):
    """The network that corrects the hybrid, and how it is fitted and judged."""

    seed: int = 42
    groups: FeatureGroups = FeatureGroups()
    hidden: tuple[int, ...] = Field((48, 24), description="sizes; empty for a linear correction")
    dropout: float = Field(0.1, ge=0, lt=1)
    learning_rate: float = Field(2e-3, gt=0, description="of AdamW")
    weight_decay: float = Field(1e-2, ge=0, description="of AdamW, decoupled")
    epochs: int = Field(20, ge=1, le=500, description="at most; early stopping chooses")
    patience: int = Field(4, ge=1, description="epochs without a better nDCG before stopping")
    batch_size: int = Field(32, ge=1, description="lists a step")
    top: int = Field(100, ge=1, description="candidates of a list that are always trained on")
    sampled: int = Field(60, ge=0, description="of the others, drawn anew for every fit")
    members: int = Field(1, ge=1, le=9, description="networks whose corrections are averaged")
    folds: int = Field(5, ge=2, le=20, description="of users, for the decision")
    cutoff: int = Field(20, ge=1, description="k of the nDCG@k that decides")
    rounds: int = Field(2000, ge=100, description="of the bootstrap")


class TwoTowerConfig(FrozenConfig):
    """The retrieval network."""

    seed: int = 42
    embedding_size: int = Field(96, ge=2, le=512)
    hidden: tuple[int, ...] = Field(
        (96,), max_length=1, description="of the song tower over content; empty for a linear one"
    )
    user_hidden: int = Field(0, ge=0, description="of the user tower; 0 for none")
    id_dropout: float = Field(0.2, ge=0, lt=1, description="share of songs seen by content alone")
    history_dropout: float = Field(0.5, ge=0, lt=1, description="share of a history hidden")
    learning_rate: float = Field(3e-3, gt=0, description="of AdamW")
    weight_decay: float = Field(0.3, ge=0, description="of AdamW, decoupled")
    epochs: int = Field(40, ge=1, le=2000)
    batch_size: int = Field(128, ge=1, description="users a step")


class DeepConfig(FrozenConfig):
    """Both networks, as part of a training or evaluation run."""

    enabled: bool = Field(True, description="train the ranker where Keras is installed")
    fits: int = Field(4, ge=1, description="refits of the parts that lists to learn from take")
    tag_size: int = Field(32, ge=1, le=256, description="dimensions of reduced terms")
    compare_towers: bool = Field(False, description="evaluation: the two towers beside the rest")
    ranker: DeepRankerConfig = DeepRankerConfig(
        groups=FeatureGroups(popularity=False, recency=False, mood=False, factors=False)
    )
    two_tower: TwoTowerConfig = TwoTowerConfig()


class Scaling(FrozenConfig):
    """``clip((x - shift) * factor, -limit, limit)``; factor 0 for what never varied in training."""

    shift: tuple[float, ...]
    factor: tuple[float, ...]
    limit: float = Field(5.0, gt=0)


class Comparison(FrozenConfig):
    """nDCG of held-out users, the correction against the hybrid alone; means with 95 % interval."""

    users: int = Field(ge=0)
    cutoff: int = Field(ge=1)
    blend: float
    deep: float
    difference: float
    low: float
    high: float


class RankerCard(FrozenConfig):
    """What is stored beside ``ranker.onnx``.

    Attributes:
        features: names of the inputs in order.
        scorers: whose evidence is read, in order.
        sizes: lengths of lyric, tag and factor vectors.
        moods: False where no case had a target: the network then never sees one.
        enabled: True where the interval of the difference lies above 0.
    """

    features: tuple[str, ...]
    scorers: tuple[str, ...]
    sizes: tuple[int, int, int]
    groups: FeatureGroups
    scaling: Scaling
    moods: bool
    comparison: Comparison
    enabled: bool
    epochs: int = Field(ge=0, description="of the final fit")
    sha256: str
