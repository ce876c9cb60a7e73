from __future__ import annotations

import pytest
from hypothesis import given, settings

from nlp.language import Language, detect_language
from tests.nlp.test_cleaning import ANY_TEXT


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("I love you and I always will, my darling\nthe night is young", "en"),
        ("LOVE ME TENDER UNTIL THE MORNING LIGHT", "en"),
        ("te quiero mucho mi corazón, no me dejes nunca más", "es"),
        ("je ne veux pas travailler ce soir, je veux danser", "fr"),
        ("Ich liebe dich und du liebst mich nicht", "de"),
        ("שלום עולם, שיר על אהבה", "he"),
        ("愛してる、君のことを", "ja"),
        ("feel heat wanna feet time worry sleep laugh weep right party relax", "en"),
        ("[Verse 1]\nIch liebe dich und du liebst mich nicht\n(yeah, yeah)", "de"),
    ],
)
def test_known_languages(text: str, code: str) -> None:
    found = detect_language(text)
    assert found.code == code
    assert found.english is (code == "en")
    assert 0.5 <= found.confidence <= 1
    assert detect_language(text) == found


@pytest.mark.parametrize("text", ["", "one", "\x00", "🎉🎉🎉", "[Chorus]", "oh baby", "\ud800"])
def test_too_little_to_tell(text: str) -> None:
    assert detect_language(text) == Language("und", 0.0)
    assert detect_language(text).english is None


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_any_text_has_an_answer(text: str) -> None:
    found = detect_language(text)
    assert 0 <= found.confidence <= 1
    assert found.code == "und" or len(found.code) in {2, 3}
