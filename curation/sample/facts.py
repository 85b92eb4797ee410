"""Dates, units and numbers in words: short questions with one right answer."""

from datetime import date, timedelta
from random import Random

from curation.sample.words import MONTHS, PEOPLE, Made, one

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# quantity, unit, other unit, how many of the other unit one is
_UNITS = (
    ("length", "kilometres", "metres", 1000), ("length", "metres", "centimetres", 100),
    ("length", "feet", "inches", 12), ("length", "yards", "feet", 3), ("mass", "kilograms", "grams", 1000),
    ("mass", "tonnes", "kilograms", 1000), ("mass", "pounds", "ounces", 16), ("volume", "litres", "millilitres", 1000),
    ("volume", "gallons", "pints", 8), ("time", "hours", "minutes", 60), ("time", "days", "hours", 24),
    ("time", "weeks", "days", 7), ("data", "megabytes", "kilobytes", 1024),
)  # fmt: skip
_SCENES = {
    "length": ("A fence around the school garden is {} long.", "The new cable on site measures {}.",
               "The ferry route along the coast is {}."),
    "mass": ("The parcel on the scales weighs {}.", "The bakery ordered {} of flour.", "The lift may carry {}."),
    "volume": ("The rain barrel holds {}.", "The recipe for the village feast calls for {} of broth.",
               "The aquarium was filled with {} of water."),
    "hours": ("The repair took {}.", "The night train needs {} for the whole journey.", "The pump ran for {}."),
    "days": ("The exhibition was open for {}.", "The crossing took {}.", "The festival lasts {}."),
    "weeks": ("The road was closed for {}.", "The course goes on for {}.", "Delivery takes {}."),
    "data": ("The holiday album takes up {}.", "The weekly backup grew to {}.", "The map for the phone is {} in size."),
}  # fmt: skip
_CONVERT = (
    "Convert the measurement to {unit}. Show the factor that you use.",
    "Express the quantity in {unit} and show how you get there.",
    "How many {unit} is that? Give the calculation in one line.",
)
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SPELL = (
    "Write the number in English words, as one would on a cheque.",
    "Spell out the number in words.",
    "Translate the digits into words. Use hyphens where English needs them.",
)


def date_question(rng: Random, held_out: bool) -> Made:
    start = date(rng.randint(2015, 2027), rng.randint(1, 12), rng.randint(1, 28))
    who, days = one(rng, PEOPLE), rng.randint(9, 120)
    end = start + timedelta(days)
    ask = "Answer the question about dates. Explain in one or two sentences, then give the date or the number."
    kind = rng.choice(("after", "before", "between", "weekday"))
    if kind == "after":
        thing = rng.choice(("a library book", "a projector", "a camping stove", "a set of skis"))
        text = f"{who} borrows {thing} on {_long(start)} for {days} days. On which date is it due?"
        answer = f"Counting {days} days on from {_long(start)} leads to {_long(end)}. It is due on {_long(end)}."
    elif kind == "before":
        thing = rng.choice(("The concert", "The inspection", "The summer course", "The exhibition"))
        text = f"{thing} is on {_long(end)}. {who} must book {days} days ahead. What is the last day for booking?"
        answer = f"Going back {days} days from {_long(end)} gives {_long(start)}. The last day is {_long(start)}."
    elif kind == "between":
        text = (
            f"{who} started a diary on {_long(start)} and filled the last page on {_long(end)}. How many "
            "days later is that?"
        )
        answer = f"From {_long(start)} to {_long(end)} it is {days} days. The answer is {days}."
    else:
        text = f"If {_long(start)} is a {_WEEKDAYS[start.weekday()]}, which day of the week is it {days} days later?"
        weeks, rest = divmod(days, 7)
        answer = (
            f"{days} days are {weeks} weeks and {rest} {'day' if rest == 1 else 'days'}. Counting {rest} on from "
            f"{_WEEKDAYS[start.weekday()]} gives {_WEEKDAYS[end.weekday()]}."
        )
    return Made(f"dates-{kind}", ask, text, answer)


def conversion(rng: Random, held_out: bool) -> Made:
    quantity, unit, other, factor = rng.choice(_UNITS)
    amount = rng.randint(2, 90) if rng.random() < 0.6 else rng.randint(5, 120) / 4
    shown = f"{amount:g} {unit}"
    scene = one(rng, _SCENES[unit if quantity == "time" else quantity]).format(shown)
    single = {"feet": "foot", "inches": "inch"}.get(unit, unit.removesuffix("s"))
    answer = f"One {single} is {factor:,} {other}, so {amount:g} × {factor:,} = {amount * factor:,g} {other}."
    return Made(f"units-{quantity}", one(rng, _CONVERT).format(unit=other), scene, answer)


def spelled(rng: Random, held_out: bool) -> Made:
    number = rng.choice((rng.randint(21, 999), rng.randint(1_000, 99_999), rng.randint(100_000, 9_999_999)))
    scene = rng.choice(
        ("The receipt shows {:,}.", "Visitors this year: {:,}", "The meter reads {:,}.", "Copies printed: {:,}",
         "The town has {:,} inhabitants.")
    )  # fmt: skip
    return Made("numbers", one(rng, _SPELL), scene.format(number), in_words(number).capitalize() + ".")


def in_words(number: int) -> str:
    """English words for 0 to 999,999,999."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _TENS[number // 10] + (f"-{_SMALL[number % 10]}" if number % 10 else "")
    if number < 1000:
        tens = f" and {in_words(number % 100)}" if number % 100 else ""
        return f"{_SMALL[number // 100]} hundred{tens}"
    size, name = (1_000_000, "million") if number >= 1_000_000 else (1_000, "thousand")
    rest = number % size
    joint = "" if not rest else f" and {in_words(rest)}" if rest < 100 else f", {in_words(rest)}"
    return f"{in_words(number // size)} {name}{joint}"


def _long(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
