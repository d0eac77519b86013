"""Whether a text is in the language that was asked for: by its script where that tells, else by its words."""

from __future__ import annotations

import threading
import unicodedata
from collections import Counter
from functools import cache
from typing import Any

_NAMES = {
    "arabic": "ar", "bulgarian": "bg", "chinese": "zh", "croatian": "hr", "czech": "cs", "danish": "da", "dutch": "nl",
    "english": "en", "estonian": "et", "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he",
    "hindi": "hi", "hungarian": "hu", "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko",
    "latvian": "lv", "lithuanian": "lt", "norwegian": "no", "persian": "fa", "polish": "pl", "portuguese": "pt",
    "romanian": "ro", "russian": "ru", "serbian": "sr", "slovak": "sk", "slovenian": "sl", "spanish": "es",
    "swedish": "sv", "thai": "th", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
"""ISO 639-1 codes by English names."""
_SCRIPTS = {
    "ar": {"ARABIC"}, "fa": {"ARABIC"}, "bg": {"CYRILLIC"}, "ru": {"CYRILLIC"}, "uk": {"CYRILLIC"},
    "sr": {"CYRILLIC", "LATIN"},
    "el": {"GREEK"}, "he": {"HEBREW"}, "hi": {"DEVANAGARI"}, "ja": {"HIRAGANA", "KATAKANA", "CJK"}, "ko": {"HANGUL"},
    "th": {"THAI"}, "zh": {"CJK"},
}  # fmt: skip
"""Scripts by language; all others are written in Latin letters."""
_ALONE = frozenset({"el", "he", "hi", "ko", "th"})
"""Languages that their script tells alone."""
_SHARE = 0.5
"""Of the letters, in the language's scripts: names and brands stay in their own."""
_SHARE_OF_FEW = 0.15
"""Of a few letters, some of them Latin: a title may have more of a brand than of words."""
_LETTERS = 40
"""Fewer letters than this tell a script, and no words."""
_SURE = 0.9
_LOCK = threading.Lock()


def language_code(language: str) -> str:
    """Return the ISO 639-1 code of a language given by code or English name; raises ValueError."""
    name = language.strip().lower()
    code = _NAMES.get(name, name)
    if code not in _NAMES.values():
        raise ValueError(
            f"the language {language!r} is not known; give its English name or its code, e.g. German or de"
        )
    return code


def is_in_language(text: str, code: str) -> bool:
    """Tell whether a text is in a language, as far as it can be told; what cannot be told is taken to be."""
    letters = [character for character in unicodedata.normalize("NFKC", text) if character.isalpha()]
    if not letters:
        return True
    scripts = Counter(_script(letter) for letter in letters)
    wanted = _SCRIPTS.get(code, {"LATIN"})
    if code == "ja" and not (scripts["HIRAGANA"] + scripts["KATAKANA"]) and scripts["CJK"] > _LETTERS:
        return False  # Chinese
    few = len(letters) < _LETTERS
    share = _SHARE_OF_FEW if few and scripts["LATIN"] > 0 else _SHARE
    if sum(scripts[script] for script in wanted) < share * len(letters):
        return False
    if code in _ALONE or few:
        return True
    found, sure = _identify(text)
    return (
        found == code
        or sure < _SURE
        or {found, code} <= {"no", "nb", "nn", "da"}
        or {found, code} <= {"hr", "sr", "bs"}
    )


def _script(letter: str) -> str:
    # The mark of a long vowel, ー, is KATAKANA-HIRAGANA; 々 stands for the character before it.
    return unicodedata.name(letter, "").replace("IDEOGRAPHIC", "CJK").replace("-", " ").split(" ", 1)[0]


def _identify(text: str) -> tuple[str, float]:
    with _LOCK:
        found, sure = _identifier().classify(text)
    return str(found), float(sure)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - 0.2 s, for those who ask for it

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
