"""Small Python functions and SQL queries."""

from random import Random

from curation.sample.words import CITIES, COMPANIES, Made, one

_ASK = (
    "Write a Python function for the following.",
    "Complete the task with a short, readable Python function.",
    "Implement this in Python. Use a clear name and a docstring.",
)
_QUERY = (
    "Write one SQL query that answers the question for the given table.",
    "Given the table, answer the question with a single SQL statement.",
    "Translate the question into SQL. Use only the columns shown.",
)
_LISTS = ("prices", "temperatures", "scores", "weights", "distances", "ages", "durations", "ratings")
_TEXTS = ("sentence", "title", "password", "file_name", "word", "paragraph", "nickname", "address")


def function(rng: Random, held_out: bool) -> Made:
    kind = rng.choice(tuple(_FUNCTIONS))
    names, name = one(rng, _LISTS), one(rng, _TEXTS)
    limit, size = rng.randint(2, 99), rng.randint(2, 12)
    task, body = _FUNCTIONS[kind]
    facts = {"xs": names, "s": name, "n": limit, "k": size}
    return Made(f"python-{kind}", one(rng, _ASK), task.format(**facts), body.format(**facts))


_FUNCTIONS = {
    "filter": (
        "Return the {xs} that are greater than {n}, in their original order.",
        (
            "def {xs}_above_{n}({xs}):\n"
            '    """The {xs} greater than {n}, in order."""\n'
            "    return [value for value in {xs} if value > {n}]"
        ),
    ),
    "mean": (
        (
            "Compute the mean of a list of {xs} after leaving out the {k} smallest and the {k} largest. "
            "Return None if nothing is left."
        ),
        (
            "def trimmed_mean({xs}, cut={k}):\n"
            '    """The mean without the `cut` smallest and largest values, or None."""\n'
            "    kept = sorted({xs})[cut : len({xs}) - cut]\n"
            "    return sum(kept) / len(kept) if kept else None"
        ),
    ),
    "chunks": (
        "Split a list of {xs} into consecutive groups of {k}; the last group may be shorter.",
        (
            "def groups_of_{k}({xs}):\n"
            '    """Consecutive groups of {k}; the last may be shorter."""\n'
            "    return [{xs}[start : start + {k}] for start in range(0, len({xs}), {k})]"
        ),
    ),
    "count": (
        "Count how often each word of at least {k} letters occurs in a {s}, ignoring case. Return a dictionary.",
        (
            "from collections import Counter\n\n\n"
            "def long_words({s}):\n"
            '    """How often each word of {k} or more letters occurs, in lower case."""\n'
            "    words = {s}.lower().split()\n"
            "    return dict(Counter(word for word in words if len(word) >= {k}))"
        ),
    ),
    "shorten": (
        (
            "Shorten a {s} to at most {n} characters. If anything was cut, end it with an ellipsis that counts "
            "as one "
            "character."
        ),
        (
            "def shorten({s}, limit={n}):\n"
            '    """The {s}, cut to `limit` characters with an ellipsis if it is longer."""\n'
            "    if len({s}) <= limit:\n"
            "        return {s}\n"
            '    return {s}[: limit - 1].rstrip() + "…"'
        ),
    ),
    "palindrome": (
        (
            "Check whether a {s} reads the same in both directions. Look only at its first {n} characters, and "
            "ignore "
            "spaces and case."
        ),
        (
            "def is_palindrome({s}):\n"
            '    """Whether the first {n} characters read the same both ways, spaces and case aside."""\n'
            '    letters = {s}[:{n}].replace(" ", "").lower()\n'
            "    return letters == letters[::-1]"
        ),
    ),
    "running": (
        "Given a list of {xs}, return the moving average over a window of {k} values.",
        (
            "def moving_average({xs}, window={k}):\n"
            '    """The mean of every `window` neighbours."""\n'
            "    last = len({xs}) - window + 1\n"
            "    return [sum({xs}[start : start + window]) / window for start in range(max(0, last))]"
        ),
    ),
    "rank": (
        "Return the positions of the {k} largest {xs}, largest first; among equal values the earlier comes first.",
        (
            "def top_{k}({xs}):\n"
            '    """Positions of the {k} largest values; ties go to the earlier one."""\n'
            "    order = sorted(range(len({xs})), key=lambda place: (-{xs}[place], place))\n"
            "    return order[:{k}]"
        ),
    ),
    "multiples": (
        "Return the sum of all multiples of {k} in a list of {xs}, but stop at the first value above {n}0.",
        (
            "def sum_of_multiples({xs}):\n"
            '    """The sum of multiples of {k} before the first value above {n}0."""\n'
            "    total = 0\n"
            "    for value in {xs}:\n"
            "        if value > {n}0:\n"
            "            break\n"
            "        if value % {k} == 0:\n"
            "            total += value\n"
            "    return total"
        ),
    ),
}

# table, text column, number column, its name in a question, what a row is, values of the text, range of the number
_TABLES = (
    ("orders", "customer", "amount", "amount", "order", COMPANIES, (20, 900)),
    ("books", "genre", "pages", "page count", "book", ("poetry", "history", "travel", "crime"), (80, 600)),
    ("flights", "destination", "minutes", "duration in minutes", "flight", CITIES, (40, 600)),
    ("employees", "department", "salary", "salary", "employee", ("finance", "support", "design"), (28_000, 90_000)),
    ("rooms", "building", "seats", "number of seats", "room", ("North", "Annex", "Library"), (10, 200)),
    ("plants", "bed", "height_cm", "height in centimetres", "plant", ("herbs", "roses", "shade"), (20, 240)),
    ("trips", "city", "kilometres", "distance", "trip", CITIES, (20, 900)),
)
_SCHEMA = "CREATE TABLE {table} (id INTEGER PRIMARY KEY, {text} TEXT, {number} INTEGER, created DATE);"
_QUERIES = (
    (
        "How many {table} are there whose {shown} is above {limit}?",
        "SELECT COUNT(*) FROM {table} WHERE {number} > {limit};",
    ),
    (
        "List the {count} {table} with the highest {shown} where {text} is '{value}'.",
        "SELECT * FROM {table}\nWHERE {text} = '{value}'\nORDER BY {number} DESC\nLIMIT {count};",
    ),
    (
        "What is the average {shown} for each {text}, highest first, since the start of {year}?",
        (
            "SELECT {text}, AVG({number}) AS average\nFROM {table}\nWHERE created >= '{year}-01-01'\n"
            "GROUP BY {text}\nORDER BY average DESC;"
        ),
    ),
    (
        "Which {text} has at least {count} {table} whose {shown} is below {limit}?",
        "SELECT {text}\nFROM {table}\nWHERE {number} < {limit}\nGROUP BY {text}\nHAVING COUNT(*) >= {count};",
    ),
    (
        "Show the first {row} of {year} for each {text}.",
        (
            "SELECT {text}, MIN(created) AS first_day\nFROM {table}\n"
            "WHERE created BETWEEN '{year}-01-01' AND '{year}-12-31'\nGROUP BY {text};"
        ),
    ),
)


def query(rng: Random, held_out: bool) -> Made:
    table, text, number, shown, row, values, (low, high) = rng.choice(_TABLES)
    facts = {
        "table": table, "text": text, "number": number, "shown": shown, "row": row,
        "value": one(rng, values), "limit": rng.randint(low // 10, high // 10) * 10,
        "count": rng.randint(3, 15), "year": rng.randint(2016, 2026),
    }  # fmt: skip
    question, answer = rng.choice(_QUERIES)
    given = f"{_SCHEMA.format(**facts)}\n\n{question.format(**facts)}"
    return Made(f"sql-{table}", one(rng, _QUERY), given, answer.format(**facts))
