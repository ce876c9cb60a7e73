"""In which language a lyric is, so that what an English encoder makes of it can be doubted.

Non-English lyrics are embedded like all others, and flagged: MiniLM was trained on English, and
what it finds in other languages is mostly names and loan words. Detection is py3langid (Lui &
Baldwin, *langid.py*, ACL 2012; the model comes with the package): deterministic, no network.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nlp.cleaning import clean_lyrics

#: ISO 639-3 for "undetermined".
UNDETERMINED = "und"
#: Below this probability, or with fewer words, no language is named. Measured on English lyrics
#: cut to n words, see docs/lyrics.md.
MIN_CONFIDENCE, MIN_WORDS = 0.5, 4
#: Characters read: more changes nothing and takes longer.
_READ = 2000


@dataclass(frozen=True, slots=True)
class Language:
    """What a text is written in.

    Attributes:
        code: ISO 639-1, or ``und``.
        confidence: probability of it, 0 to 1; 0 where there was nothing to read.
    """

    code: str
    confidence: float

    @property
    def english(self) -> bool | None:
        """Whether it is English; None where that is not known."""
        return None if self.code == UNDETERMINED else self.code == "en"


def name_languages(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the ISO 639-1 codes of those lyrics whose language can be told, by their ids."""
    found = {song: detect_language(text).code for song, text in texts.items()}
    return {song: code for song, code in found.items() if code != UNDETERMINED}


def detect_language(text: str) -> Language:
    """Tell the language of lyrics, raw or cleaned; any string will do.

    Bags of words are told like other texts, though stems make it less sure.
    """
    cleaned = clean_lyrics(text)
    words = cleaned.split()
    # Scripts without spaces hold many words in one.
    if len(words) < MIN_WORDS and sum(ch >= "\u0370" for ch in cleaned) < 2 * MIN_WORDS:
        return Language(UNDETERMINED, 0.0)
    # Lower case: titles and shouted lines are otherwise taken for German.
    read = cleaned[:_READ].lower().encode("utf-8", "replace").decode("utf-8")
    code, confidence = _identifier().classify(read)
    if confidence < MIN_CONFIDENCE:
        return Language(UNDETERMINED, float(confidence))
    return Language(str(code), float(confidence))


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
