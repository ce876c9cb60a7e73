"""Lyrics to clean text and to chunks that a 256-piece encoder can read whole.

Every function here takes any string at all, never raises, and takes time linear in its length.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata

#: No lyric is longer; what comes after is cut so that one bad row cannot hold up a catalogue.
MAX_CHARACTERS = 50_000

# Loops below are possessive (``*+``): what they took is not given back, so that no line, however
# odd, makes matching slower than linear.
_SECTIONS = (
    r"(?:pre[ -]?|post[ -]?|last |final |repeat |rpt\.? )*+"
    r"(?:verse|vers|chorus|chrous|coro|refrain|refrein|estribillo|estrofa|couplet|strophe|hook"
    r"|bridge|pont|puente|interlude|intro|outro|instrumental|solo|guitar solo|breakdown|break"
    r"|middle|coda|repeat|ref|all|both|spoken|x ?\d++|\d++ ?x)\b"
)
_ORDINAL = (
    r"(?:[\s.,*/&-]*+(?:x ?\d++|\d++ ?x|\d++|[a-d]|i{1,3}|iv|one|two|three|four|five|times"
    r"|repeat|bridge|chorus|solo)\b)*+"
)
_SECTION = re.compile(rf"{_SECTIONS}{_ORDINAL}[\s:.,*/&-]*", re.I)
#: "Chorus: text" keeps its text.
_PREFIX = re.compile(rf"(?:[-–—*=\s]*+{_SECTIONS}{_ORDINAL}\s*+:\s*+)++", re.I)
_CREDIT = re.compile(
    r"[\s*–—\-(\"]{0,5}(?:"
    r"(?:written|composed|produced|transcribed|submitted|arranged|performed|lyrics|words|music)"
    r"(?:\s*+(?:,|&|and|/)\s*+(?:written|composed|produced|arranged|lyrics|words|music))*+\s+by\b"
    r"|(?:lyrics?|music|words|paroles|musique|writers?|composers?|songwriters?|producers?)"
    r"(?:\s*+(?:&|and|et|/)\s*+\w++)?\s*+:"
    r"|(?:paroles de la chanson|paroles rédigées)\b"
    r"|(?:copyright|\(?c\)|©|℗)\s*+[\w(]"
    r"|https?://|www\."
    r"|you might also like\W*+$"
    r"|\d++ contributors?\b"
    r"|\d*+\s*+embed\W*+$"
    r")",
    re.I,
)
_RIGHTS = ("all rights reserved", "reproduced without permission")
_ADLIB_WORDS = (
    r"(?:a+h*|a+y+e*|e+h+|e+y+|ha+h?|he+y+|hi+|ho+|hm+|hu+h+|la+|lo+|na+|no|m+h?m+|o+h*|ow+|u+h+"
    r"|ugh|wh?o+a*h*|wo+w|ya+h?|yea+h?|yep|yo+|doo+|da+|ba+|bom|sha+|shoo+|skrrt|brr+"
    r"|x ?\d+|\d+ ?x)"
)
_ADLIB = re.compile(rf"\W*+(?:{_ADLIB_WORDS}(?:[\s,.!?'’…~-]++|$))*+", re.I)
# A run of opening brackets is entered once (lookbehind, possessive): "((((" stays linear.
_PARENTHESES = re.compile(r"(?<!\()\(++([^()]{0,80}+)\)++")
_NEWLINES = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd\ud800-\udfff]"
)
_SPACES = re.compile(r"\s+")
_FLATTENED = re.compile(r"\s{2,}")
_PASSES = 10
_BAG_WORDS = 12
_NOT_BAG = re.compile("[^a-zß-öø-ÿ ]")
_COMMON = frozenset(
    {
        *("a", "an", "and", "are", "as", "at", "but", "for", "he", "i", "in", "is", "it", "my"),
        *("of", "on", "or", "that", "the", "to", "we", "you"),
    }
)


def clean_lyrics(text: str) -> str:
    r"""Return the words of a song: no marks, credits, ad-libs or repeats.

    Section marks (``[Chorus]``, ``Verse 2:``), credit and copyright lines, ad-libs in brackets
    (``(yeah, yeah)``), control and invisible characters go; a line that comes again, as in a
    chorus, is kept once; text is NFC with single spaces, lines with ``\n``, stanzas with an
    empty line between. A text without any line break takes runs of spaces as breaks, which is
    what flattened exports leave of them. A bag of words (:func:`is_bag`) keeps each word once.
    Applying it twice changes nothing.
    """
    cleaned = _clean_lines(text)
    while is_bag(cleaned) and (once := " ".join(dict.fromkeys(cleaned.split()))) != cleaned:
        # Counts say how long a song is and what its chorus repeats; lines lose theirs as well.
        cleaned = _clean_lines(once)
    return cleaned


def is_bag(text: str) -> bool:
    """Tell whether a text is words without order, as some data sets hold in place of lyrics.

    Such a text is one line of at least a dozen lower-case words without any punctuation and
    without any of English's commonest words, which those who make bags leave out.
    """
    if "\n" in text or _NOT_BAG.search(text):
        return False
    words = text.split()
    return len(words) >= _BAG_WORDS and _COMMON.isdisjoint(words)


def _clean_lines(text: str) -> str:
    text = unicodedata.normalize("NFC", text[:MAX_CHARACTERS])[:MAX_CHARACTERS]
    text = _NEWLINES.sub("\n", text)
    if "\n" not in text:
        text = _FLATTENED.sub("\n", text.strip())
    seen: set[str] = set()
    stanza: list[str] = []
    found: list[list[str]] = [stanza]
    for raw in text.split("\n"):
        line = _clean_line(raw)
        if line and not _is_noise(line):
            mark = _mark(line)
            if mark not in seen:
                seen.add(mark)
                stanza.append(line)
        elif stanza and not raw.strip():
            stanza = []
            found.append(stanza)
    return "\n\n".join("\n".join(lines) for lines in found if lines)


def text_key(cleaned: str) -> str:
    """Return the hex SHA-256 of a cleaned text: its key in every vector store."""
    return hashlib.sha256(cleaned.encode("utf-8", "surrogatepass")).hexdigest()


def stanzas(text: str, max_words: int = 180) -> list[str]:
    """Pack stanzas, in order, into chunks of at most ``max_words`` words.

    A stanza that is too long is broken between lines, a line between words, a word between
    characters. Words are counted as :func:`word_cost` does, so that about 180 of them stay within
    the 256 word pieces MiniLM reads. An empty text has no chunk.
    """
    chunks: list[str] = []
    current: list[str] = []
    used = 0
    for piece, cost in _pieces(text, max_words):
        if current and used + cost > max_words:
            chunks.append("\n".join(current))
            current, used = [], 0
        current.append(piece)
        used += cost
    if current:
        chunks.append("\n".join(current))
    return chunks


def word_cost(word: str) -> int:
    """Return how many ordinary words ``word`` counts for.

    A Latin word counts once per started dozen letters. Letters of other scripts are about one
    word piece each in MiniLM's English vocabulary, so they count one by one.
    """
    foreign = sum(ch >= "\u0370" for ch in word)
    return foreign + math.ceil((len(word) - foreign) / 12)


def _pieces(text: str, max_words: int) -> list[tuple[str, int]]:
    """Cut into stanzas, or where too long lines, or where too long words; with their costs."""
    pieces: list[tuple[str, int]] = []
    for stanza in re.split(r"\n\s*\n", text):
        cost = _cost(stanza)
        if cost <= max_words:
            pieces.append((stanza.strip(), cost))
            continue
        for line in stanza.split("\n"):
            pieces.extend(_packed_words(line, max_words))
    return [(piece, cost) for piece, cost in pieces if piece]


def _packed_words(line: str, max_words: int) -> list[tuple[str, int]]:
    packed: list[tuple[str, int]] = []
    current: list[str] = []
    used = 0
    for word in line.split():
        for part in _parts(word, max_words):
            cost = word_cost(part)
            if current and used + cost > max_words:
                packed.append((" ".join(current), used))
                current, used = [], 0
            current.append(part)
            used += cost
    return [*packed, (" ".join(current), used)]


def _parts(word: str, max_words: int) -> list[str]:
    if word_cost(word) <= max_words:
        return [word]
    return [word[i : i + max_words] for i in range(0, len(word), max_words)]


def _cost(text: str) -> int:
    return sum(word_cost(word) for word in text.split())


def _clean_line(line: str) -> str:
    """Clean one line until nothing changes; deep nesting, which no lyric has, goes."""
    for _ in range(_PASSES):
        after = _line_pass(line)
        if after == line:
            return line
        line = after
    return _line_pass(_line_pass(line.translate({ord(c): " " for c in "()[]"})))


def _line_pass(line: str) -> str:
    line = unicodedata.normalize("NFC", _INVISIBLE.sub("", line))
    line = _without_square(line)
    line = _PARENTHESES.sub(_keep_parenthesis, line)
    line = _SPACES.sub(" ", line).strip()
    return line[match.end() :] if (match := _PREFIX.match(line)) else line


def _without_square(line: str) -> str:
    kept: list[str] = []
    at = 0
    while (start := line.find("[", at)) >= 0 and (end := line.find("]", start)) >= 0:
        inside = line[start + 1 : end]
        kept += [line[at:start], inside if _is_sung(inside) else ""]
        at = end + 1
    return " ".join([*kept, line[at:]]) if kept else line


def _is_sung(inside: str) -> bool:
    """Square brackets mark sections and singers; four words and no colon are a sung line."""
    return ":" not in inside and "[" not in inside and inside.count(" ") >= 3


def _keep_parenthesis(match: re.Match[str]) -> str:
    inside = match.group(1).strip()
    if _ADLIB.fullmatch(inside) or _SECTION.fullmatch(inside):
        return " "
    return match.group(0)


def _is_noise(line: str) -> bool:
    if not any(ch.isalnum() or unicodedata.category(ch) == "So" for ch in line):
        return True
    if _SECTION.fullmatch(line.strip("-–—*=() ")) or _CREDIT.match(line):
        return True
    return any(words in line.casefold() for words in _RIGHTS)


def _mark(line: str) -> str:
    """What two lines must share to count as the same: letters and digits, whatever the case."""
    return "".join(filter(str.isalnum, line.casefold())) or line
