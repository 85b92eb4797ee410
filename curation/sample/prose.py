"""Sentence edits, entities in notes, summaries of short reports, and recipe steps."""

from random import Random

from curation.sample.words import CITIES, COMPANIES, MONTHS, PEOPLE, SURNAMES, Made, one

# base, past, participle, what it is done to
_VERBS = (
    ("paints", "painted", "the garden gate"),
    ("repairs", "repaired", "the old bicycle"),
    ("writes", "wrote", "a long letter"),
    ("opens", "opened", "the windows"),
    ("carries", "carried", "the boxes upstairs"),
    ("finds", "found", "the missing key"),
    ("bakes", "baked", "two loaves of bread"),
    ("checks", "checked", "the fire alarm"),
    ("buys", "bought", "fresh herbs"),
    ("teaches", "taught", "the evening class"),
    ("draws", "drew", "a map of the valley"),
    ("sells", "sold", "the last tickets"),
    ("cleans", "cleaned", "the workshop"),
    ("plants", "planted", "a row of beans"),
    ("reads", "read", "the minutes aloud"),
)
_TIMES = (
    "in the morning",
    "after lunch",
    "on Tuesdays",
    "before the meeting",
    "at the weekend",
    "in the rain",
    "without any help",
    "as quietly as possible",
)
_STATES = (
    "was tired",
    "had little time",
    "knew the building well",
    "had forgotten the list",
    "lived next door",
    "was new in town",
    "liked order",
    "had promised it",
    "was the first to arrive",
    "had a day off",
)
_FUSE = (
    "Combine the two sentences into one.",
    "Merge both statements into a single fluent sentence.",
    "Rewrite the two short sentences as one sentence. Keep the meaning.",
)
_PAST = (
    "Put the sentence into the past tense.",
    "Rewrite the sentence so that it speaks of last week.",
    "Change the tense from present to past.",
)
_SPLIT = ("Split the sentence into two shorter ones.", "Break this long sentence into two simple sentences.")
_FILLER = ("Remove the hesitations and repeated words.", "Clean up this spoken sentence so that it reads well.")


def edit(rng: Random, held_out: bool) -> Made:
    who, time = one(rng, PEOPLE), one(rng, _TIMES)
    now, past, thing = rng.choice(_VERBS)
    state = one(rng, _STATES)
    kind = rng.choice(("fuse", "tense", "split", "spoken"))
    if kind == "fuse":
        given = f"{who} {state}. {who} {past} {thing} {time}."
        return Made("edit-fuse", one(rng, _FUSE), given, f"{who}, who {state}, {past} {thing} {time}.")
    if kind == "tense":
        other = one(rng, CITIES)
        given = f"{who} {now} {thing} {time} and then takes the bus to {other}."
        return Made(
            "edit-tense", one(rng, _PAST), given, f"{who} {past} {thing} {time} and then took the bus to {other}."
        )
    if kind == "split":
        given = f"{who} {past} {thing} {time}, although {who} {state} and the bus from {one(rng, CITIES)} was late."
        place = given.rsplit("from ", 1)[1].split(" was")[0]
        answer = f"{who} {past} {thing} {time}. {who} {state}, and the bus from {place} was late."
        return Made("edit-split", one(rng, _SPLIT), given, answer)
    noise = rng.choice(("um", "uh", "well, um", "er"))
    city, first = one(rng, CITIES), thing.split()[0]
    given = f"So {who}, {noise}, {who} {past} {first}, {first} {thing.split(' ', 1)[1]} {time}, you know, in {city}."
    return Made("edit-spoken", one(rng, _FILLER), given, f"{who} {past} {thing} {time} in {city}.")


_EXTRACT = (
    "List every person, place and date in the note.",
    "Extract the person, the organisation, the place and the date from the note.",
    "Find the named entities in the note and give each with its type.",
)


def entities(rng: Random, held_out: bool) -> Made:
    person = f"{one(rng, PEOPLE)} {one(rng, SURNAMES)}"
    company, city = one(rng, COMPANIES), one(rng, CITIES)
    day = f"{rng.randint(1, 28)} {one(rng, MONTHS)} {rng.randint(2018, 2026)}"
    room = rng.randint(2, 48)
    note = rng.choice(
        (
            (
                f"Spoke with {person} about the delivery for {company}. The van leaves {city} on {day}; the "
                "gate code is "
                f"with reception."
            ),
            (
                f"{company} will move into room {room} of the {city} office on {day}. Please ask {person} for "
                "the floor plan "
                "before anything is carried upstairs."
            ),
            (
                f"Reminder: {person} visits from {company} on {day}. Pick up at {city} station, platform "
                f"{room}, and bring "
                "the signed contract."
            ),
            (
                f"On {day} the inspection in {city} found {room} loose cables. {company} has to answer within "
                "two weeks; the "
                f"contact there is {person}."
            ),
            (
                f"{person} called. The invoice from {company} dated {day} went to the old address in {city} "
                "and has to be "
                "sent again."
            ),
        )
    )
    answer = f"Person: {person}\nOrganisation: {company}\nPlace: {city}\nDate: {day}"
    return Made("entities", one(rng, _EXTRACT), note, answer)


_SUM_UP = (
    "Summarise the report in one sentence.",
    "What is the main point of this report? Answer in a single sentence.",
    "Write a one-sentence summary for the front page.",
)
_PLACES = (
    "library",
    "swimming pool",
    "farmers' market",
    "city museum",
    "community garden",
    "theatre",
    "repair café",
    "youth club",
    "music school",
    "food bank",
)
_CAUSES = (
    "longer opening hours",
    "a new entrance",
    "lower prices",
    "an unusually warm spring",
    "a second team of volunteers",
    "better signs in the town centre",
    "a campaign in local schools",
    "the closure of a nearby car park",
)
_WORRIES = (
    "the roof still leaks after heavy rain",
    "the waiting list has grown as well",
    "most staff are on short contracts",
    "parking remains difficult on Saturdays",
    "the heating has to be replaced within two years",
    "funding is only secured until the end of the year",
)


_MORE = (
    "Most guests came between four and six in the afternoon, and on rainy days the queue reached the pavement.",
    "A second survey is planned for next spring, this time with questions about the way people travel there.",
    "Schools booked about a third of the weekday mornings, more than in any year since counting began.",
    "Neighbours had feared noise in the evening, yet only two complaints were recorded.",
    "The new booking page was used by half of all visitors, although the telephone is still answered every morning.",
    "Two firms from the region lent equipment for the summer and will be thanked at the annual meeting.",
    "Income from the small café covered the cost of cleaning, but not of the repairs to the stairs.",
    "Older visitors in particular asked for benches near the entrance and larger letters on the notices.",
    "A trial with late hours on Thursdays drew few people at first and many by the end of the month.",
)


def summary(rng: Random, held_out: bool) -> Made:
    city, place, month = one(rng, CITIES), one(rng, _PLACES), one(rng, MONTHS)
    before, growth = rng.randint(8, 90) * 100, rng.randint(6, 60)
    now = before * (100 + growth) // 100
    who = f"{one(rng, PEOPLE)} {one(rng, SURNAMES)}"
    cause, worry = one(rng, _CAUSES), one(rng, _WORRIES)
    head = rng.choice(
        (
            f"The {place} in {city} counted {now:,} visits in {month}, compared with {before:,} a year earlier.",
            f"Visits to the {place} in {city} rose from {before:,} to {now:,} between one {month} and the next.",
        )
    )
    council = f"The council puts the increase of {growth} percent down to {cause}. "
    years = rng.randint(3, 25)
    body = rng.choice(
        (
            f"{council}{who}, who runs the place, is pleased but points out that {worry}.",
            f"{who}, who has worked there for {years} years, credits {cause}. At the same time, {worry}.",
        )
    )
    more = rng.sample(_MORE, rng.randint(0, 6))
    cut = rng.randint(0, len(more))
    report = " ".join([head, *more[:cut]]) + ("\n\n" if len(more) > 2 else " ") + " ".join([body, *more[cut:]])
    answer = f"Visits to the {place} in {city} grew by {growth} percent, mainly thanks to {cause}, but {worry}."
    return Made("summary", one(rng, _SUM_UP), report, answer)


_COOK = (
    "Write the steps of a simple recipe with these ingredients.",
    "Turn the list of ingredients into a short recipe with numbered steps.",
    "Explain in a few steps how to cook this dish.",
)
_GRAINS = (
    ("rice", 15),
    ("barley", 30),
    ("couscous", 6),
    ("lentils", 25),
    ("bulgur", 12),
    ("pasta", 10),
    ("quinoa", 14),
)
_GREENS = (
    "courgettes",
    "carrots",
    "leeks",
    "peppers",
    "mushrooms",
    "spinach",
    "tomatoes",
    "fennel",
    "pumpkin",
    "cabbage",
)
_TASTES = (
    "lemon and parsley",
    "cumin and mint",
    "ginger and soy sauce",
    "garlic and thyme",
    "smoked paprika",
    "curry powder and coconut milk",
    "basil and olives",
    "mustard and dill",
)
_TOPS = ("toasted almonds", "crumbled feta", "a fried egg", "yoghurt", "roasted seeds", "grated hard cheese")


def recipe(rng: Random, held_out: bool) -> Made:
    grain, minutes = rng.choice(_GRAINS)
    first, second = rng.sample(_GREENS, 2)
    taste, top, serves = one(rng, _TASTES), one(rng, _TOPS), rng.randint(2, 6)
    onion = rng.choice(("one onion", "two shallots", "a small leek", "half a bunch of spring onions"))
    given = f"{serves * 75} g {grain}, {first}, {second}, {onion}, {taste}, {top} (serves {serves})"
    steps = [
        f"Cook the {grain} in salted water for about {minutes} minutes and drain it.",
        f"Chop {onion} and soften in a little oil for {rng.randint(3, 6)} minutes.",
        f"Add the {first} and the {second} in small pieces and fry them until just tender.",
        f"Stir in the {grain}, season with {taste}, and warm everything through.",
        f"Serve with {top} on top.",
    ]
    answer = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return Made("recipe", one(rng, _COOK), given, answer)
