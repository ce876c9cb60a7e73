"""Configuration of the recommender's stages and of its training."""

from __future__ import annotations

from pydantic import Field

from data.config import FrozenConfig


class CollaborativeConfig(FrozenConfig):
    """Implicit-feedback matrix factorisation (iALS, Hu, Koren & Volinsky, 2008)."""

    embedding_size: int = Field(32, ge=2, le=512)
    regularization: float = Field(0.05, ge=0)
    alpha: float = Field(10.0, gt=0, description="confidence of one unit of weight")
    epochs: int = Field(15, ge=1, le=200)


class ContentConfig(FrozenConfig):
    """Similarity to what the user played, by lyrics and by metadata."""

    lyrics_size: int = Field(64, ge=2, le=384, description="PCA dimensions of lyric vectors")
    lyrics_share: float = Field(0.3, ge=0, le=1, description="share of lyrics against metadata")
    artist_weight: float = Field(2.0, ge=0, description="weight of the artist among the tags")
    recent: int = Field(200, ge=1, description="how many songs of a history form the profile")


class BlendConfig(FrozenConfig):
    """Weights of the parts; every part is standardised over the candidates first."""

    collaborative: float = Field(0.5, ge=0)
    content: float = Field(0.3, ge=0)
    popular: float = Field(0.2, ge=0)
    missing: float = Field(
        -0.5, ge=-3, le=3, description="standard score where a part cannot score a song"
    )
    fresh: float = Field(
        0.5, ge=0, description="standard deviations for a song that came after training"
    )


class MoodConfig(FrozenConfig):
    """How much the moment counts against taste."""

    strength: float = Field(1.0, ge=0, description="lambda: standard deviations of the blend")
    uncertain_factor: float = Field(0.5, ge=0, le=1, description="for an uncertain expression")


class TextConfig(FrozenConfig):
    """How a text ("rainy sunday, slow and warm") counts; all strengths are standard deviations.

    The text ranks first: with the defaults it has 2.0 against 0.5 for the listener's taste and at
    most ``mood.strength`` times the confidence for the mood.
    """

    strength: float = Field(2.0, ge=0, description="of the closeness to the text")
    taste: float = Field(0.5, ge=0, description="of the listener's taste beside a text")
    lyrics_share: float = Field(
        0.5, ge=0, le=1, description="share of lyrics where the text names tags or artists too"
    )
    words_share: float = Field(
        0.7, ge=0, le=1, description="of mood words in the text's mood, against the mood model"
    )
    words_confidence: float = Field(
        0.6, ge=0, lt=1, description="of a text's mood where it has mood words"
    )
    confidence: float = Field(0.3, ge=0, lt=1, description="of a text's mood without such words")


class SimilarConfig(FrozenConfig):
    """Songs near a song."""

    lyrics_share: float = Field(0.5, ge=0, le=1, description="share of lyrics against metadata")


class RerankingConfig(FrozenConfig):
    """From scores to a list a person enjoys."""

    diversity: float = Field(0.2, ge=0, le=1, description="MMR: 0 is by score alone")
    artist_cap: int = Field(3, ge=1, description="songs of one artist per twenty ranks")
    pool: int = Field(200, ge=1, description="best-scored songs that reranking looks at")


class PipelineConfig(FrozenConfig):
    """Everything that decides an answer once a model is trained; stored in the bundle."""

    candidates: int = Field(300, ge=1, description="songs taken from each source")
    collaborative: CollaborativeConfig = CollaborativeConfig()
    content: ContentConfig = ContentConfig()
    blend: BlendConfig = BlendConfig()
    mood: MoodConfig = MoodConfig()
    text: TextConfig = TextConfig()
    similar: SimilarConfig = SimilarConfig()
    reranking: RerankingConfig = RerankingConfig()


class RecommenderConfig(FrozenConfig):
    """A training or evaluation run, complete: the same file and data give the same model."""

    seed: int = 42
    pipeline: PipelineConfig = PipelineConfig()
    trials: int = Field(16, ge=1, le=500, description="settings tried for each tuned part")
    accuracy_budget: float = Field(
        0.05, ge=0, lt=1, description="share of nDCG that diversity and artist cap may cost"
    )
    validation_share: float = Field(0.2, gt=0, lt=1, description="of each user's songs")
    test_share: float = Field(0.2, gt=0, lt=1, description="of each user's songs; evaluation only")
    cutoff: int = Field(20, ge=1, description="k of Recall@k and nDCG@k")
