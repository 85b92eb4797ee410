"""Names and things that the families of the sample pool share. The targets use lists of their own."""

from random import Random
from typing import NamedTuple


class Made(NamedTuple):
    """One generated row, before it has an id."""

    task: str
    instruction: str
    input: str
    output: str


PEOPLE = (
    "Amara", "Ben", "Carla", "Dmitri", "Elif", "Farah", "Gustav", "Hana", "Ivo", "Jasmin", "Kofi", "Lena", "Milo",
    "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Samir", "Tova", "Uma", "Viktor", "Wanda", "Yusuf", "Zoe",
)  # fmt: skip
OTHER_PEOPLE = ("Agnes", "Bruno", "Celeste", "Darius", "Esther", "Felix", "Greta", "Hugo", "Imani", "Jorge", "Kaya")
SURNAMES = (
    "Albrecht", "Banerjee", "Castillo", "Dube", "Eriksen", "Fontaine", "Grabowski", "Haddad", "Ivanova", "Jensen",
    "Kowalski", "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Quispe", "Rossi", "Schneider", "Tanaka",
)  # fmt: skip
CITIES = (
    "Lisbon", "Oslo", "Kraków", "Valencia", "Leeds", "Tampere", "Graz", "Bologna", "Ghent", "Porto", "Aarhus", "Lyon",
    "Tallinn", "Cork", "Basel", "Leipzig", "Split", "Uppsala", "Nantes", "Brno",
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
COMPANIES = (
    "Northwind Bakery", "Harbour Cycles", "Lumen Optics", "Green Lane Foods", "Tidewater Shipping", "Alder & Sons",
    "Bluebell Nurseries", "Copper Kettle Café", "Orchard Print Works", "Quarry Street Gym", "Starling Travel",
    "Fieldstone Furniture", "Hilltop Dairy", "Juniper Textiles", "Mill Road Garage",
)  # fmt: skip
THINGS = (
    ("pencil", "pencils"), ("notebook", "notebooks"), ("apple", "apples"), ("postcard", "postcards"),
    ("candle", "candles"), ("marble", "marbles"), ("sticker", "stickers"), ("tulip", "tulips"), ("muffin", "muffins"),
    ("teacup", "teacups"), ("button", "buttons"), ("lemon", "lemons"), ("ribbon", "ribbons"), ("key ring", "key rings"),
)  # fmt: skip
OTHER_THINGS = (
    ("seashell", "seashells"), ("lantern", "lanterns"), ("biscuit", "biscuits"), ("comic book", "comic books"),
    ("pebble", "pebbles"), ("daffodil", "daffodils"), ("badge", "badges"), ("crayon", "crayons"),
)  # fmt: skip


def one(rng: Random, choices: tuple[str, ...]) -> str:
    return rng.choice(choices)


def two(rng: Random, choices: tuple[str, ...]) -> tuple[str, str]:
    first, second = rng.sample(choices, 2)
    return first, second


def money(cents: int) -> str:
    return f"${cents // 100}.{cents % 100:02d}"
