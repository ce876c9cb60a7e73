from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.cleaning import MAX_CHARACTERS, clean_lyrics, is_bag, stanzas, text_key, word_cost

FRAGMENTS = st.sampled_from(
    [
        *("[", "]", "(", ")", "\n", "\n\n", " ", "  ", "\r\n", "chorus", "Chorus:", "verse", "2"),
        *("x2", ":", "yeah", "oh", "-", "*", "e", "\u0301", "\u200b", "\x00", "hello", "\ud800"),
        *("all", "a", "written by", "©", "lyrics", "embed", "\u2028", "\ufeff", "🎉", "שלום"),
        *("\u0958", "\u1100", "\u1161", ",", "i", "both ", "pre-"),
    ]
)
ANY_TEXT = st.one_of(
    st.lists(FRAGMENTS, max_size=25).map("".join), st.text(alphabet=st.characters(), max_size=80)
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("[Chorus]\nHello there\n\n[Verse 2: X]\nBye", "Hello there\n\nBye"),
        ("Chorus:\nHello\nVERSE 2\nBye\n(Repeat Chorus)\n(x2)", "Hello\nBye"),
        ("Chorus: I love you\nBoth: hey", "I love you\nhey"),
        ("One\nTwo\n\nThree\n\nOne,\ntwo!", "One\nTwo\n\nThree"),
        ("Hold on (yeah, yeah) to me (oh-oh)", "Hold on to me"),
        ("(Don't let go)", "(Don't let go)"),
        ("Written by: A. Person\nSky\n© 1981 Some Records\n12Embed", "Sky"),
        ("Written all over your face\nAll of me\nBridge over water", None),
        ("Written in stars\nSong, all rights reserved", "Written in stars"),
        ("[I was on the starting line]\n[Him]\nGo", "I was on the starting line\nGo"),
        ("first line   second line   third line", "first line\nsecond line\nthird line"),
        ("a\x00b\u200b\tc\r\nd\u2028e", "ab c\nd\ne"),
        ("cafe\u0301", "caf\u00e9"),
        ("----\n* * *\n🎉🎉\nword", "🎉🎉\nword"),
        ("((yeah)) still (oh (oh) oh)", "still"),
    ],
)
def test_known_lyrics(raw: str, clean: str | None) -> None:
    assert clean_lyrics(raw) == (raw if clean is None else clean)


@pytest.mark.parametrize(
    "nothing", ["", " ", "\n\n\n", "\x00", "[Chorus]", "(oh)", "\ud800", "..."]
)
def test_nothing_to_read_is_empty(nothing: str) -> None:
    assert clean_lyrics(nothing) == ""
    assert stanzas(clean_lyrics(nothing)) == []


BAG = "feel feel feel heat wanna feet feel worry time sleep time laugh weep right party relax"


def test_a_bag_of_words_keeps_each_word_once() -> None:
    assert is_bag(BAG)
    once = "feel heat wanna feet worry time sleep laugh weep right party relax"
    assert clean_lyrics(BAG) == clean_lyrics(once) == once
    for text in (BAG + " the", BAG + ".", BAG.title(), BAG + "\nfeel heat", "feel feel heat heat"):
        assert not is_bag(text)
        assert clean_lyrics(text) == text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["verse", "chorus", "two", "x2", *BAG.split()]), max_size=40))
def test_cleaning_bags_twice_changes_nothing(words: list[str]) -> None:
    once = clean_lyrics(" ".join(words))
    assert clean_lyrics(once) == once


@settings(max_examples=600, deadline=None)
@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_lyrics(text)
    assert clean_lyrics(once) == once
    assert clean_lyrics(text) == once
    assert all(unicodedata.is_normalized("NFC", line) for line in once.split("\n"))
    assert not set(once) & {"\x00", "\r", "\t", "\ufeff", "\ud800"}


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT, st.sampled_from([1, 3, 180]))
def test_chunks_are_short_and_lose_nothing(text: str, limit: int) -> None:
    chunks = stanzas(text, limit)
    assert all(0 < sum(map(word_cost, chunk.split())) <= limit for chunk in chunks)
    assert "".join("".join(chunks).split()) == "".join(text.split())


@pytest.mark.parametrize(
    "odd",
    [
        "[" * 10**6, "(" * 10**6, "(" * 500_000 + ")" * 500_000, "(oh" * 300_000,
        "a" * 10**6, "la " * 300_000, "verse " + "1" * 10**6 + "z", "chorus: " * 100_000,
        "(" + "ooo " * 19 + "z)", "🎉" * 300_000, "\n" * 10**6, " " * 10**6 + "x",
        "مرحبا بالعالم " * 70_000, "- " * 500_000,
    ],
    ids=lambda text: f"{text[:6]!r}x{len(text)}",
)  # fmt: skip
def test_a_megabyte_of_anything_is_cut_and_cleaned(odd: str) -> None:
    once = clean_lyrics(odd)
    assert len(once) <= MAX_CHARACTERS
    assert clean_lyrics(once) == once


def test_stanzas_are_packed_whole_and_in_order() -> None:
    text = "a b c\n\nd e\n\nf g h i"
    assert stanzas(text, 5) == ["a b c\nd e", "f g h i"]
    assert stanzas(text, 4) == ["a b c", "d e", "f g h i"]
    assert stanzas("one two three\nfour five", 3) == ["one two three", "four five"]
    assert stanzas("one two three four", 3) == ["one two three", "four"]
    assert stanzas("one") == ["one"]


def test_foreign_letters_count_one_by_one() -> None:
    assert word_cost("love") == 1
    assert word_cost("rediscovering") == 2
    assert word_cost("любовь") == 6
    assert all(len(chunk) <= 180 for chunk in stanzas("愛" * 1000))


def test_key_is_the_sha256_of_the_text() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert text_key("") == empty
    assert text_key("a") != text_key("b")
    assert len(text_key("\ud800")) == 64
