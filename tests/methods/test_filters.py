"""What the filters of choose tell of a text: test rows in it, its language, its repetition, personal data."""

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.content import Content
from selection.kernels.contamination import TestRows, texts_of
from selection.kernels.language import LANGUAGES, codes, language
from selection.kernels.pii import CARD, EMAIL, IBAN, IP, PHONE, luhn, mod97, personal
from selection.kernels.repetition import repetition
from selection.kernels.wordhash import grams, hashed, words

LONG = "A farmer has 17 apples and sells five of them at the market before noon; how many are left in his basket?"


# --- words ---


def test_words_are_letters_and_digits_without_case_and_signs():
    assert words("Don't STOP — 3.5 café_ﬁn!") == ["don", "t", "stop", "3", "5", "café", "fin"]
    assert words("今日は good") == ["今", "日", "は", "good"]
    assert words("…?!") == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_hashes_are_one_a_word_and_equal_for_equal_words_only(texts):
    flat, edges = hashed(texts)
    assert edges.tolist() == np.cumsum([0, *(len(words(text)) or 1 for text in texts)]).tolist()
    spelt = [word for text in texts for word in (words(text) or ["\x01" + "".join(text.split())])]
    assert len(set(spelt)) == len(set(flat.tolist()))
    for word, value in zip(spelt, flat.tolist(), strict=True):
        assert spelt.index(word) == flat.tolist().index(value)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(1, 5))
def test_grams_are_equal_where_the_words_are(letters, size):
    flat, _ = hashed([" ".join(letters)]) if letters else (np.empty(0, np.uint64), None)
    found = grams(flat, size).tolist()
    runs = [tuple(letters[at : at + size]) for at in range(len(letters) - size + 1)]
    assert len(found) == len(runs)
    assert [found.index(value) for value in found] == [runs.index(run) for run in runs]
    with pytest.raises(ValueError, match="at least one"):
        grams(flat, 0)


# --- test rows ---


def test_a_row_that_shares_thirteen_words_holds_a_test_row():
    tests = TestRows([LONG])
    said = words(LONG)
    assert tests.touch(f"Solve this. {LONG.upper()} Show your work.")
    assert tests.touch(" ".join(["x", *said[4:17], "y"]))
    assert not tests.touch(" ".join(["x", *said[4:16], "y"])), "twelve words are not enough"
    assert not tests.touch(" ".join([*said[:12], "pears", *said[13:]]))
    assert tests.touch(re.sub(r"[,;?.]", " …", LONG)), "signs do not count"


def test_a_short_test_row_must_be_there_as_a_whole():
    tests = TestRows(["What is the capital of France?", "Yes, indeed."])
    assert tests.touch("Tell me: what is the capital of FRANCE, please")
    assert not tests.touch("what is the capital of Spain")
    assert tests.touch("yes indeed")
    assert not tests.touch("Yes, indeed, they said."), "fewer than five words match only as the whole text"
    assert not TestRows([]).touch("anything")
    assert len(TestRows(["a", "b"])) == 2


def test_rows_without_words_match_their_copies_only():
    tests = TestRows(["?!"])
    assert tests.touch(" ? ! ")
    assert not tests.touch("?")


def test_a_question_is_held_back_whatever_the_answer():
    content = Content("single", instruction="What is the capital of France?", outputs=("Paris",))
    assert texts_of([content, content]) == [
        "What is the capital of France?\nParis",
        "What is the capital of France?",
    ]
    assert TestRows(texts_of([content])).touch("What is the capital of France?\nIt is Lyon.")


def slow_touch(tests, text):
    """The rule in words, without hashes."""
    row = words(text)
    for test in tests:
        told = words(test)
        if row == told:
            return True
        size = min(len(told), 13)
        if size < 5:
            continue
        mine = {tuple(row[at : at + size]) for at in range(len(row) - size + 1)}
        if any(tuple(told[at : at + size]) in mine for at in range(len(told) - size + 1)):
            return True
    return False


@settings(max_examples=200, deadline=None)
@given(
    tests=st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=18), max_size=4),
    row=st.lists(st.sampled_from("ab"), min_size=1, max_size=40),
)
def test_hashed_and_slow_agree(tests, row):
    tests = [" ".join(test) for test in tests]
    assert TestRows(tests).touch(" ".join(row)) is slow_touch(tests, " ".join(row))


# --- language ---

SAID = {
    "en": "The children played in the garden until their mother called them in for supper.",
    "de": "Die Kinder spielten im Garten, bis ihre Mutter zum Abendessen rief.",
    "fr": "Les enfants jouaient dans le jardin jusqu'à ce que leur mère les appelle pour le dîner.",
    "es": "Los niños jugaron en el jardín hasta que su madre los llamó para cenar.",
    "ru": "Дети играли в саду, пока мать не позвала их ужинать в дом.",
    "zh": "孩子们在花园里玩耍，直到他们的母亲叫他们进去吃晚饭，然后大家都睡觉了。",
}


@pytest.mark.parametrize("code", list(SAID))
def test_a_sentence_tells_its_language(code):
    assert language(SAID[code]) == code


@pytest.mark.parametrize(
    "text",
    ["", "Ein Satz.", "12 + 34 = 46, 7 * 8 = 56, 90 / 3 = 30", "```python\nfor item in things:\n    print(item.name)\n```",
     r"\frac{1}{2} x^2 + \sum_{i=1}^n a_i = \int_0^1 f(t) dt"],
)  # fmt: skip
def test_short_rows_numbers_and_code_are_not_decided(text):
    assert language(text) == ""


def test_codes_are_read_and_checked():
    assert codes("en, DE;fr") == ("de", "en", "fr")
    assert codes("pt-BR zh_TW") == ("pt", "zh")
    assert codes(" ") == ()
    with pytest.raises(ValueError, match="english"):
        codes("english")
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    assert set(LanguageIdentifier.from_model_file(MODEL_FILE).labels) - {"zxx"} == LANGUAGES


# --- repetition ---


def test_repetition_is_what_could_be_struck_out():
    assert repetition(LONG) == 0.0
    assert repetition("") == 0.0
    assert repetition("yes yes yes yes yes") == 0.0, "five words cannot repeat a run of five"
    assert repetition(LONG + "\n" + LONG) == pytest.approx(0.5)
    assert repetition("\n".join([LONG] * 4)) == pytest.approx(0.75)
    assert repetition(" ".join(["apple"] * 100)) == 1.0
    # A line that comes again, too short for a run of five words: 3 of 13 letters.
    assert repetition("aa b\ncc dd ee\naa b\nf g") == pytest.approx(3 / 14)


def test_a_phrase_that_comes_again_and_again_counts_though_words_stand_between():
    text = " ".join(f"one two three x{number}" for number in range(6))
    assert repetition(text) == pytest.approx(11 / 13)
    ordinary = "The sum of the first two numbers is ten, the sum of the last two is six, so all of them add up to more."
    assert repetition(ordinary) < 0.3


@settings(max_examples=100, deadline=None)
@given(st.text("ab c\n", max_size=80))
def test_repetition_is_a_share(text):
    assert 0.0 <= repetition(text) <= 1.0


# --- personal data ---

PERSONAL = {
    "Write to jane.doe+news@mail.uni-bonn.de today": (EMAIL, "jane.doe+news@mail.uni-bonn.de"),
    "Ring +49 228 731234 before noon": (PHONE, "+49 228 731234"),
    "Office: (312) 555-0142.": (PHONE, "(312) 555-0142"),
    "call 312-555-0142 or come by": (PHONE, "312-555-0142"),
    "Tel.: 0228 / 731234": (PHONE, "0228 / 731234"),
    "<phone>415.555.2671</phone>": (PHONE, "415.555.2671"),
    "My phone number is 020 7946 0958.": (PHONE, "020 7946 0958"),
    "seen from 93.184.216.34 at night": (IP, "93.184.216.34"),
    "host 2606:2800:220:1:248:1893:25c8:1946 answers": (IP, "2606:2800:220:1:248:1893:25c8:1946"),
    "Card 4111 1111 1111 1112 no; 4012 8888 8888 1881 yes": (CARD, "4012 8888 8888 1881"),
    "paid with 378282246310005": (CARD, "378282246310005"),
    "to DE89 3704 0044 0532 0130 00 by Friday": (IBAN, "DE89 3704 0044 0532 0130 00"),
    "IBAN GB82WEST12345698765432": (IBAN, "GB82WEST12345698765432"),
}


@pytest.mark.parametrize(("text", "found"), PERSONAL.items())
def test_personal_data_is_found(text, found):
    assert personal(text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "What is 3125550142 + 4155552671?",
        "Compute 500-300-2000 = ?",
        "x = 312-555-0142 + 5",
        "Divide 4012888888881881 by 7: 4012888888881881 / 7",
        "pi is 3.14159265358979323846 and e is 2.71828182845904523536",
        "The sequence 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377",
        "2 + 3 4 5 6 7 8 9 and +1 000 000 000 = 10^9",
        "Version 1.2.3.4, section 10.4.2.1, Chrome/91.0.4472.124",
        "localhost is 127.0.0.1, the mask 255.255.255.0, the router 192.168.1.1",
        "12:30:45 on 2024-01-15, from 01/02/2003 to 1999-12-31",
        "ISBN 978-3-16-148410-0, DOI 10.1000/182, ORCID 0000-0002-1825-0097",
        "git clone git@github.com:team/project.git or mail me at name@example.com",
        "@decorator\ndef f(a): return a @ b.T",
        "The population of 331449281 grew by 7.4% to 8,045,311,447 in 2023",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301 and 0xDEADBEEF",
        "AB12 CDEF GHIJ KLMN OPQR is no account, DE00 0000 0000 0000 0000 00 neither",
        "std::vector<int>::iterator, a[1::2], ::before",
        "1234567812345678 has sixteen digits, 0000000000000000 too",
    ],
)
def test_numbers_of_other_kinds_are_left_alone(text):
    assert personal(text) == []


def test_sums_of_every_size_are_left_alone():
    draw = random.Random(5)
    for _ in range(3000):
        a, b = (draw.randrange(10 ** draw.randint(1, 17)) for _ in range(2))
        sign = draw.choice(["+", "-", "*", "/", "×"])
        text = f"Calculate {a} {sign} {b} = {a + b}. So x{sign}{a} = {b:,}, that is {a / 7:.6f} or {b}%."
        assert personal(text) == [], text


def test_check_digits():
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{digit}") for digit in "012456789")
    assert mod97("GB82WEST12345698765432")
    assert not mod97("GB28WEST12345698765432")


def test_long_rows_take_no_time():
    """A megabyte of what patterns could stumble over."""
    for text in ("1" * 1_000_000, "1 " * 500_000, "a." * 500_000, "(" * 1_000_000, "+1-" * 300_000, "AB12 " * 200_000,
                 "1:" * 500_000, "a@" * 500_000, "phone " * 160_000):  # fmt: skip
        personal(text)
        repetition(text)
        language(text)
