"""Word problems of grade school, with worked solutions."""

from collections.abc import Callable
from random import Random

from curation.sample.words import OTHER_PEOPLE, OTHER_THINGS, PEOPLE, THINGS, Made, money, two

Cast = tuple[str, str, str, str]  # two people, a thing and its plural
Say = Callable[..., str]  # picks among wordings, of which the last is kept for the target
Problem = tuple[str, str, list[str], str]  # task, question, steps, answer


def word_problem(rng: Random, held_out: bool) -> Made:
    """A question with its solution in steps. `held_out` takes people, things and wordings that the pool never has."""

    def say(*ways: str) -> str:
        return ways[-1] if held_out else rng.choice(ways[:-1])

    first, second = two(rng, OTHER_PEOPLE if held_out else PEOPLE)
    cast = (first, second, *rng.choice(OTHER_THINGS if held_out else THINGS))
    task, question, steps, answer = rng.choice(_PROBLEMS)(rng, cast, say)
    return Made(task, question, "", "\n".join([*steps, f"The answer is {answer}."]))


def _shopping(rng: Random, cast: Cast, say: Say) -> Problem:
    who, _, thing, things = cast
    count, price = rng.randint(3, 24), rng.randint(4, 95) * 5
    total = count * price
    paid = (total // 500 + rng.randint(1, 3)) * 500
    question = say(
        (
            f"{who} buys {count} {things} at {money(price)} each and pays with {money(paid)}. "
            "How much change should the cashier give back?"
        ),
        (
            f"A {thing} costs {money(price)}. {who} needs {count} of them for the school fair and hands over "
            f"{money(paid)}. How much money comes back?"
        ),
        (
            f"At the market, {who} picks out {count} {things}. Each one is {money(price)}. "
            f"If {who} pays {money(paid)}, what is the change?"
        ),
        (
            f"{count} {things} go into {who}'s basket, each marked {money(price)}. {who} gives the shopkeeper "
            f"{money(paid)}. Work out the money returned."
        ),
    )
    steps = [
        f"The {things} cost {count} × {money(price)} = {money(total)}.",
        f"The change is {money(paid)} - {money(total)} = {money(paid - total)}.",
    ]
    return "shopping", question, steps, money(paid - total)


def _sharing(rng: Random, cast: Cast, say: Say) -> Problem:
    who, other, _, things = cast
    boxes, each, friends = rng.randint(3, 15), rng.randint(6, 30), rng.randint(3, 9)
    total = boxes * each
    left = total % friends
    question = say(
        (
            f"{who} has {boxes} boxes with {each} {things} in each. {who} and {other} share all of them "
            "equally among "
            f"{friends} children. How many {things} are left over?"
        ),
        (
            f"There are {each} {things} in a box, and {who} opens {boxes} boxes. {other} hands them out so "
            "that each of "
            f"{friends} friends gets the same number, as many as possible. How many {things} remain?"
        ),
        (
            f"{boxes} crates arrive, every one packed with {each} {things}. {who} deals them out evenly to "
            f"{friends} classmates of "
            f"{other}. What number of {things} cannot be dealt?"
        ),
    )
    steps = [
        f"Altogether there are {boxes} × {each} = {total} {things}.",
        f"{total} divided by {friends} is {total // friends} for each, which uses {total - left}.",
        f"So {total} - {total - left} = {left} remain.",
    ]
    return "sharing", question, steps, str(left)


def _travel(rng: Random, cast: Cast, say: Say) -> Problem:
    who, other, _, _ = cast
    fast, slow, hours = rng.randint(12, 30), rng.randint(4, 11), rng.randint(2, 7)
    gap = (fast - slow) * hours
    question = say(
        (
            f"{who} cycles at {fast} kilometres an hour and {other} walks the same road at {slow} kilometres "
            "an hour. "
            f"They start together. How far apart are they after {hours} hours?"
        ),
        (
            f"Two friends leave the village at the same time and in the same direction: {who} by bicycle at "
            f"{fast} km/h, "
            f"{other} on foot at {slow} km/h. After {hours} hours, how many kilometres lie between them?"
        ),
        (
            f"A bus does {fast} km every hour and a tractor {slow} km. {who} sits in the bus, {other} on the "
            "tractor, and both set off "
            f"from one farm along one road. What separates them once {hours} hours have passed?"
        ),
    )
    steps = [
        f"In {hours} hours {who} covers {fast} × {hours} = {fast * hours} kilometres.",
        f"In the same time {other} covers {slow} × {hours} = {slow * hours} kilometres.",
        f"The distance between them is {fast * hours} - {slow * hours} = {gap} kilometres.",
    ]
    return "travel", question, steps, f"{gap} kilometres"


def _discount(rng: Random, cast: Cast, say: Say) -> Problem:
    who, _, thing, things = cast
    percent, price, count = rng.choice((10, 20, 25, 30, 40, 50)), rng.randint(2, 30) * 20, rng.randint(2, 9)
    cut = price * percent // 100
    total = (price - cut) * count
    question = say(
        (
            f"A shop sells {things} for {money(price)}. This week everything is {percent}% off. "
            f"How much does {who} pay for {count} of them?"
        ),
        (
            f"{who} wants {count} {things}. The usual price of one {thing} is {money(price)}, but a coupon takes "
            f"{percent}% off. What is the total with the coupon?"
        ),
        (
            f"Before the sale each {thing} was {money(price)}. {who} takes {count} while prices are cut by "
            f"{percent} percent. What does "
            "the bill say?"
        ),
    )
    steps = [
        f"{percent}% of {money(price)} is {money(cut)}.",
        f"One {thing} now costs {money(price)} - {money(cut)} = {money(price - cut)}.",
        f"{count} of them cost {count} × {money(price - cut)} = {money(total)}.",
    ]
    return "discount", question, steps, money(total)


def _saving(rng: Random, cast: Cast, say: Say) -> Problem:
    who, other, _, _ = cast
    start, weekly, weeks, gift = rng.randint(5, 60), rng.randint(3, 25), rng.randint(4, 16), rng.randint(5, 40)
    total = start + weekly * weeks + gift
    question = say(
        (
            f"{who} has ${start} in a savings jar and adds ${weekly} every week. After {weeks} weeks, {other} gives "
            f"{who} ${gift} as a birthday present. How much is in the jar now?"
        ),
        (
            f"A jar holds ${start}. For {weeks} weeks {who} puts in ${weekly} a week, and {other} adds ${gift} once. "
            "How many dollars are in the jar at the end?"
        ),
        (
            f"Each week ${weekly} goes into the piggy bank of {who}, which began with ${start}. After {weeks} "
            f"weeks {other} drops in "
            f"another ${gift}. What does the piggy bank contain?"
        ),
    )
    steps = [
        f"In {weeks} weeks {who} saves {weeks} × ${weekly} = ${weekly * weeks}.",
        f"With the first ${start} that makes ${start} + ${weekly * weeks} = ${start + weekly * weeks}.",
        f"The present brings it to ${start + weekly * weeks} + ${gift} = ${total}.",
    ]
    return "saving", question, steps, f"${total}"


def _ages(rng: Random, cast: Cast, say: Say) -> Problem:
    who, other, _, _ = cast
    young, times, years = rng.randint(4, 14), rng.randint(2, 4), rng.randint(2, 15)
    old = young * times
    question = say(
        (
            f"{who} is {young} years old. {other} is {times} times as old. "
            f"How old will they be together in {years} years?"
        ),
        (
            f"{other} is {times} times as old as {who}, who is {young}. What is the sum of their ages {years} years "
            "from now?"
        ),
        (
            f"Multiply the age of {who}, {young}, by {times} and you have the age of {other}. {years} years "
            "from today, what do their "
            "two ages add up to?"
        ),
    )
    steps = [
        f"{other} is {times} × {young} = {old} years old.",
        f"In {years} years they will be {young + years} and {old + years}.",
        f"Together that is {young + years} + {old + years} = {young + old + 2 * years} years.",
    ]
    return "ages", question, steps, str(young + old + 2 * years)


def _wages(rng: Random, cast: Cast, say: Say) -> Problem:
    who, other, _, _ = cast
    wage, hours, extra, days = rng.randint(8, 28), rng.randint(4, 8), rng.randint(2, 9), rng.randint(3, 5)
    regular = wage * hours * days
    total = regular + (wage + extra) * hours
    question = say(
        (
            f"{who} earns ${wage} an hour and works {hours} hours a day on {days} weekdays. On Saturday the "
            "café pays "
            f"${extra} more per hour, and {who} works {hours} hours again. How much does {who} earn that week?"
        ),
        (
            f"Helping in {other}'s garden pays ${wage} an hour on weekdays and ${extra} an hour more on "
            f"Saturday. {who} "
            f"helps {hours} hours on each of {days} weekdays and {hours} hours on Saturday. What is the pay in all?"
        ),
        (
            f"On {days} weekdays {who} washes dishes for {hours} hours daily at ${wage} per hour. The Saturday shift, "
            f"{hours} hours too, brings ${extra} extra per hour. What are the whole earnings?"
        ),
    )
    steps = [
        f"The weekdays bring {days} × {hours} × ${wage} = ${regular}.",
        (
            f"On Saturday the hour pays ${wage} + ${extra} = ${wage + extra}, so {hours} hours bring "
            f"${(wage + extra) * hours}."
        ),
        f"The week brings ${regular} + ${(wage + extra) * hours} = ${total}.",
    ]
    return "wages", question, steps, f"${total}"


def _reading(rng: Random, cast: Cast, say: Say) -> Problem:
    who, other, _, _ = cast
    daily, days, speed = rng.randint(9, 35), rng.randint(4, 12), rng.randint(5, 40)
    rest = speed * rng.randint(2, 9)
    pages = daily * days + rest
    question = say(
        (
            f"A book has {pages} pages. {who} reads {daily} pages a day for {days} days and then lends it to "
            f"{other}, "
            f"who reads the rest at {speed} pages a day. How many days does {other} need?"
        ),
        (
            f"{who} borrowed a novel of {pages} pages and read {daily} pages on each of {days} days. {other} "
            "finished it, "
            f"reading {speed} pages a day. For how many days did {other} read?"
        ),
        (
            f"{pages} pages make up a diary that {other} found. {who} reads {daily} daily during {days} days; "
            f"afterwards {other} reads {speed} daily until the end. What number of days does {other} read?"
        ),
    )
    steps = [
        f"{who} reads {days} × {daily} = {daily * days} pages.",
        f"That leaves {pages} - {daily * days} = {rest} pages.",
        f"{other} needs {rest} ÷ {speed} = {rest // speed} days.",
    ]
    return "reading", question, steps, f"{rest // speed} days"


_PROBLEMS: tuple[Callable[[Random, Cast, Say], Problem], ...] = (
    _shopping, _sharing, _travel, _discount, _saving, _ages, _wages, _reading,
)  # fmt: skip
