"""The model card of an expression network: what it is for, on what data, how good, what not."""

from __future__ import annotations

from data.types import EMOTIONS
from vision.config import ExpressionCard, TrainingConfig
from vision.evaluation import Evaluation

_LIMITS = """\
## Intended use

Choosing music that fits the *apparent expression* of a picture that its owner sent for this
purpose and with consent. A stated mood always beats it. It reads what a face shows, not what a
person feels.

## Not for

Decisions about people. Not for employment, education, insurance, policing, border control or any
watching of persons; the EU AI Act forbids emotion recognition at work and in schools. Not for
identifying anyone: no landmark, embedding or picture is kept.

## Data and licence

Trained on FER2013 (Goodfellow et al., 2013): 48 x 48 gray web pictures, labelled by
few people, with many wrong labels (people agree with them in about 65 % of cases). The data set
was published for research; it is not part of Attune. Whoever uses these weights commercially should
check whether that covers it, or train on own data with the same command.

{recipe}

## Limits

Labels follow the taggers' culture and time; groups of people are unevenly represented, and no
figures by age, gender or skin are known. Anger, fear and sadness are confused with each other and
with neutral; disgust has few examples. Profiles, covered mouths, sunglasses and poor light make it
worse.

**Other pictures.** Every figure here is on FER2013's own test split. Networks trained on one
expression data set commonly lose ten to thirty points on another (posed, filmed or taken elsewhere,
with other taggers); nothing here says how this one fares. Calibration moves too: a confidence of
80 % is right in 80 % of cases on pictures like FER2013's only. Measure on own, consented pictures
before relying on it."""


def model_card_text(
    config: TrainingConfig, parameters: int, card: ExpressionCard, evaluation: Evaluation
) -> str:
    """Return the card as Markdown.

    Args:
        config: the training run.
        parameters: number of weights.
        card: temperature and threshold in force.
        evaluation: on PrivateTest, served view.
    """
    best = evaluation.best
    low, high = best.accuracy_interval
    side = config.network.side
    lines = [
        "# Model card: apparent expression",
        "",
        f"`{config.network.name}`, {parameters:,} parameters, gray {side} x {side} in, seven "
        f"logits out ({', '.join(EMOTIONS)}). Served by ONNX Runtime; logits of the face and "
        f"of its mirror image are averaged and {_calibration_text(card)}.",
        "",
        "| FER2013 PrivateTest | |",
        "|---|---|",
        f"| accuracy, flip-averaged | {best.accuracy:.1%} (95 %: {low:.1%}–{high:.1%}) |",
        f"| accuracy, single view | {evaluation.single.accuracy:.1%} |",
        *_optional("accuracy without copies of training pictures", evaluation.deleaked_accuracy),
        *_optional("accuracy against the FER+ majority", evaluation.ferplus_accuracy),
        f"| macro-F1 | {best.macro_f1:.3f} |",
        f"| ECE(15) before / after calibration | {best.ece_raw:.3f} / {best.ece:.3f} |",
        f"| accuracy of the surest 60 % | {dict(evaluation.accuracy_by_coverage)[0.6]:.1%} |",
        f"| answers above the threshold {card.threshold:.2f} | {evaluation.coverage:.0%}, "
        f"{evaluation.certain_accuracy:.1%} right; others are `uncertain` |",
        "",
        "Epoch, calibration and threshold were chosen on PublicTest; PrivateTest was scored once.",
        "",
        "| expression | recall |",
        "|---|---|",
        *(f"| {name} | {recall:.1%} |" for name, recall in evaluation.recall.items()),
        "",
        _LIMITS.format(recipe=_recipe_text(config)),
        "",
    ]
    return "\n".join(lines)


def _recipe_text(config: TrainingConfig) -> str:
    targets = config.targets
    parts = [f"Mode `{config.mode}`, {config.epochs} epochs, {config.optimizer}"]
    if config.mixup:
        parts.append(f"mixup {config.mixup}")
    if config.ema:
        parts.append(f"averaged weights ({config.ema})")
    if targets.ferplus:
        parts.append(f"{targets.ferplus:.0%} of each target from FER+ votes")
    if targets.teachers:
        count = len(targets.teachers)
        parts.append(f"{targets.teacher_share:.0%} of it from {count} earlier network(s)")
    return "Recipe: " + ", ".join(parts) + ". The whole of it is in `config.toml` of the run."


def _calibration_text(card: ExpressionCard) -> str:
    if card.vector is None:
        return f"divided by {card.temperature:.3f}"
    return "scaled and shifted per label (vector scaling)"


def _optional(name: str, value: float | None) -> list[str]:
    return [] if value is None else [f"| {name} | {value:.1%} |"]
