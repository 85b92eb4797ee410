"""Messages and conversations: intents of bank and travel customers, and the next turn of a booking."""

from random import Random

from curation.sample.words import CITIES, MONTHS, OTHER_PEOPLE, PEOPLE, Made, one

_BANK_ASK = (
    "Which intent does this message to a bank have? Answer with the label.",
    "Classify the message from a bank customer. Reply with one intent.",
    "Label the customer's request to the bank's help desk.",
)
_BANK_ASK_OTHER = "A customer of a bank wrote the message below. Name the support intent it belongs to."
# label -> wordings of the pool, then wordings of the target
_BANK: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "card_lost": (
        (
            "I can't find my {card} since {day}, please block it.",
            "My {card} is gone, I think I left it in {shop} on {day}.",
            "Somebody may have my {card}. Can you stop it at once?",
        ),
        ("My {card} must have fallen out of my pocket in {shop}.", "Please freeze my {card}, I have lost it."),
    ),
    "card_not_arrived": (
        (
            "I ordered a new {card} on {day} and it still isn't here.",
            "How long until my {card} comes by post? I asked for it on {day}.",
            "The letter with my {card} should have arrived by {day}.",
        ),
        (
            "It has been two weeks and the {card} you sent has not come.",
            "Still no sign of my new {card}, can you trace it?",
        ),
    ),
    "transfer_failed": (
        (
            "My transfer of {sum} to {who} was turned down, why?",
            "I tried to send {sum} on {day} but the payment didn't go through.",
            "The app says that sending {sum} to {who} failed.",
        ),
        ("Why was the {sum} that I wired to {who} rejected?", "A transfer of {sum} keeps failing."),
    ),
    "unknown_charge": (
        (
            "There is a payment of {sum} from {day} that I didn't make.",
            "I don't recognise a charge of {sum} at {shop}.",
            "What is this {sum} that left my account on {day}?",
        ),
        (
            "Someone took {sum} from my account and it wasn't me.",
            "My statement shows {sum} for {shop}, where I have never been.",
        ),
    ),
    "cash_wrong_amount": (
        (
            "The machine at {shop} gave me less than the {sum} that I asked for.",
            "I withdrew {sum} on {day} but got only part of it.",
            "The cash machine kept some of my {sum}.",
        ),
        ("I asked the machine for {sum} and counted less.", "The ATM near {shop} paid out too little of {sum}."),
    ),
    "change_pin": (
        (
            "How do I choose a new PIN for my {card}?",
            "I'd like to change the PIN of the {card} that I got on {day}.",
            "Can I set the PIN of my {card} at the machine in {shop}?",
        ),
        ("Where can I pick another PIN for the {card}?", "I want a different PIN on my {card}."),
    ),
    "exchange_rate": (
        (
            "Which rate did you use when I paid {sum} in {city}?",
            "The exchange rate for my {sum} on {day} looks wrong.",
            "Is the rate for {sum} better if I pay in {city} with my {card}?",
        ),
        ("The conversion of {sum} in {city} seems off.", "What rate applies if I spend {sum} in {city}?"),
    ),
    "refund_missing": (
        (
            "{shop} promised to give back {sum}, but I don't see it.",
            "When will the refund of {sum} from {day} arrive?",
            "I returned my shoes at {shop} and still wait for {sum}.",
        ),
        ("The shop says it refunded {sum}, my account says no.", "I am waiting for {sum} back from {shop}."),
    ),
    "top_up_failed": (
        (
            "My top-up of {sum} with the {card} was refused.",
            "I tried to add {sum} on {day} and it didn't work.",
            "Why can't I put {sum} on my account from {city}?",
        ),
        ("Adding {sum} to my balance fails every time.", "Topping up {sum} by {card} is not working."),
    ),
    "close_account": (
        (
            "Please close my account by {day}.",
            "I'm moving to {city} and no longer need the account with the {card}.",
            "What must I do to end my account? There are {sum} left on it.",
        ),
        ("I would like to shut down my account for good.", "How do I cancel everything, including the {card}?"),
    ),
}
_CARDS = ("debit card", "credit card", "bank card", "virtual card", "travel card", "prepaid card")
_SHOPS = ("the bakery", "the station", "a petrol station", "the airport", "the supermarket", "a hotel", "the pharmacy",
          "a bookshop", "the cinema", "a garden centre")  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def bank_intent(rng: Random, held_out: bool) -> Made:
    """A message and its intent. `held_out` takes an instruction and wordings that the pool never has."""
    label = rng.choice(tuple(_BANK))
    texts = _BANK[label][1 if held_out else 0]
    text = one(rng, texts).format(
        card=one(rng, _CARDS), day=f"{one(rng, _DAYS)}, {rng.randint(1, 28)} {one(rng, MONTHS)}", shop=one(rng, _SHOPS),
        sum=f"{rng.randint(3, 900)} {rng.choice(('euros', 'pounds', 'dollars'))}", city=one(rng, CITIES),
        who=one(rng, OTHER_PEOPLE if held_out else PEOPLE),
    )  # fmt: skip
    return Made(
        f"bank-{label}", _BANK_ASK_OTHER if held_out else one(rng, _BANK_ASK), text[0].upper() + text[1:], label
    )


_TRAVEL_ASK = (
    "What does the traveller want? Answer with one label.",
    "Classify the message to a travel agency by its intent.",
    "Give the intent of this travel request.",
)
_TRAVEL: dict[str, tuple[str, ...]] = {
    "book_flight": (
        "I need a flight from {a} to {b} on {date} for {n}.",
        "Please find {n} seats to {b}, leaving {a} on {date}.",
    ),
    "book_hotel": (
        "Is there a quiet room in {b} for {n} from {date}?",
        "We are {n} and need two nights in {b}, starting {date}.",
    ),
    "change_booking": (
        "Can I move my trip from {a} to {b} to {date}?",
        "Our party of {n} has to travel to {b} on {date} instead.",
    ),
    "cancel_booking": (
        "Please cancel the journey from {a} to {b} on {date}.",
        "We won't come to {b} on {date}, all {n} of us. What do I get back?",
    ),
    "ask_luggage": (
        "How many bags may {n} take on the train from {a} to {b}?",
        "May I bring a bicycle from {a} to {b} on {date}?",
    ),
    "ask_timetable": (
        "When does the last bus from {a} reach {b} on {date}?",
        "Which trains run between {a} and {b} on {date} before noon?",
    ),
    "rent_car": (
        "I'd like to rent a car for {n} in {b} from {date}.",
        "Can we pick up a small car in {a} on {date} and leave it in {b}?",
    ),
    "report_delay": (
        "Our train to {b} is late and {n} will miss the boat in {a}.",
        "The coach from {a} on {date} came two hours late. Whom do I tell?",
    ),
}


def travel_intent(rng: Random, held_out: bool) -> Made:
    label = rng.choice(tuple(_TRAVEL))
    start, end = rng.sample(CITIES, 2)
    group = rng.choice(("two people", "three adults", "a family of four", "five colleagues", "six people"))
    text = one(rng, _TRAVEL[label]).format(a=start, b=end, n=group, date=f"{rng.randint(1, 28)} {one(rng, MONTHS)}")
    return Made(f"travel-{label}", one(rng, _TRAVEL_ASK), text, label)


_NEXT = (
    "Write the assistant's next turn.",
    "Continue the conversation: what does the assistant say now?",
    "You are the assistant. Give the next reply.",
)
# place, what is booked, two wishes, how many or how long, a question, its answer
_BOOKINGS = (
    (
        ("restaurant", "a table", "outside", "by the window", "There will be {n} of us", "for {n}"),
        ("Is there any food that you must avoid?", "No nuts, please."),
    ),
    (
        ("hairdresser", "an appointment", "with a wash", "just a cut", "I have {m} minutes", "for {m} minutes"),
        ("Do you have a favourite stylist?", "Whoever has time is fine."),
    ),
    (
        ("dentist", "a check-up", "with a cleaning", "without X-rays", "I can stay {m} minutes", "for {m} minutes"),
        ("Are you a new patient?", "Yes, I moved here in spring."),
    ),
    (
        ("tennis club", "a court", "indoors", "on clay", "We are {n} players", "for {n} players"),
        ("Do you need rackets?", "Two rackets would help."),
    ),
    (
        ("theatre", "seats", "in the stalls", "on the balcony", "We need {n} tickets", "with {n} tickets"),
        ("Shall I send the tickets by post?", "By e-mail is better."),
    ),
    (
        (
            "garage",
            "an inspection",
            "with new tyres",
            "with an oil change",
            "I can wait {m} minutes",
            "for {m} minutes",
        ),
        ("May I have the plate number?", "You should have it on file."),
    ),
)


def dialogue(rng: Random, held_out: bool) -> Made:
    (place, what, wish, other_wish, much, short), (question, reply) = rng.choice(_BOOKINGS)
    who, hour, count = one(rng, PEOPLE), rng.randint(9, 20), rng.randint(2, 8)
    day = f"{one(rng, _DAYS)}, {rng.randint(1, 28)} {one(rng, MONTHS)}"
    wanted = rng.choice((wish, other_wish))
    much, short = (text.format(n=count, m=count * 15) for text in (much, short))
    opening = rng.choice(("Hello, this is", "Good morning, my name is", "Hi,"))
    turns = [
        f"User: {opening} {who}. I'd like to book {what} at the {place} for {day}.",
        f"Assistant: With pleasure, {who}. For what time, and is there anything special that you want?",
        f"User: At {hour}:00 if possible, {wanted}. {much}.",
    ]
    task = f"dialogue-{place.replace(' ', '-')}"
    if rng.random() < 0.4:
        answer = f"I have noted {hour}:00 on {day}, {wanted}, {short}. {question}"
        return Made(task, one(rng, _NEXT), "\n".join(turns), answer)
    turns += [f"Assistant: {hour}:00 on {day} is free. {question}", f"User: {reply}"]
    if rng.random() < 0.5:
        later = hour + 1
        turns += [
            "Assistant: Thank you, noted. Shall I book it?",
            f"User: Wait, I see that I am late that day. Is {later}:00 possible as well?",
        ]
        answer = f"Yes, {later}:00 is free too. I have moved it: {what} on {day} at {later}:00, {wanted}, {short}."
        return Made(task, one(rng, _NEXT), "\n".join(turns), answer)
    answer = (
        f"Thank you, {who}. {what[0].upper()}{what[1:]} on {day} at {hour}:00, {wanted}, {short}: it is booked. "
        "You will get a confirmation in a minute."
    )
    return Made(task, one(rng, _NEXT), "\n".join(turns), answer)
