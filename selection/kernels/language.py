"""The language of a text, by byte n-grams and naive Bayes (py3langid, after Lui and Baldwin 2012). Works offline."""

import re
from functools import lru_cache
from typing import Any

# What the model of py3langid tells apart; "zxx", its code for no language at all, is not among them.
_CODES = (
    "ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa fi fo fr fuv fy "
    "ga gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko ku ky la lb "
    "lg lij ln lo lt ltg lv mg mk ml mn mr ms mt my ne nl nn no nso oc om or pa pcm pl ps pt qu ro ru rw sa sdh se si sk "
    "sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk ur uz uzs vec vi vo wa wuu xh yo yue zh zu"
)
LANGUAGES = frozenset(_CODES.split())
READ = 4_000  # characters looked at
LEAST = 20  # letters
SURE = 0.2  # of the model's confidence; prose in one language reaches 0.8, code stays below

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


def codes(text: str) -> tuple[str, ...]:
    """ISO 639 codes out of "en, de" or "pt-BR", sorted. Raises `ValueError` naming one that the model does not know."""
    found = {part.partition("-")[0].partition("_")[0] for part in re.split(r"[\s,;]+", text.strip().lower()) if part}
    unknown = sorted(found - LANGUAGES)
    if unknown:
        raise ValueError(unknown[0])
    return tuple(sorted(found))


def language(text: str) -> str:
    """The ISO 639 code, or "" where nobody could say: fewer than 20 letters, mostly code or signs, or a close call.

    Fenced code is left out. Of a text in two languages the one with more of it is told. The first 4,000 characters
    are looked at.
    """
    plain = _CODE.sub(" ", text[: 2 * READ])[:READ]
    letters = sum(map(str.isalpha, plain))
    if letters < LEAST or 2 * letters < sum(not char.isspace() for char in plain):
        return ""
    code, confidence = _identifier().classify(plain)
    return str(code) if confidence >= SURE and code in LANGUAGES else ""


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """Loading takes the better part of a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
