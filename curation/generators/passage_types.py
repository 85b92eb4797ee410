"""The sixteen kinds of task that a passage can be turned into (Nayak and others 2024, "Bonito"), by full and short name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """An exemplar: a passage, what was asked about it, and the answer. `{{context}}` stands for the passage."""

    passage: str
    instruction: str
    output: str
    options: tuple[str, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """`rule`: what makes the kind, in one line. `labels`: the answers that it has, drawn before the request so that no
    answer takes over. `options`: whether the instruction lists the answers to choose from. `span`: whether the answer
    stands in the passage word for word.
    """

    name: str
    short: str
    rule: str
    shown: tuple[Shown, Shown]
    labels: tuple[str, ...] = ()
    options: bool = False
    span: bool = False


_MILL = "The mill on the Teme was built in 1794 by Anna Hart. It ground barley until the flood of 1863."
_BEES = "Honey bees dance to tell the hive where food is. Most bees that dance are older workers."
_SHOP = "The shop was clean and the staff helped at once, but the coat I bought lost a button within a week."

KINDS = (
    Kind(
        "extractive question answering",
        "exqa",
        "A question whose answer is copied word for word from the passage.",
        (
            Shown(_MILL, "{{context}}\n\nWho built the mill?", "Anna Hart", evidence="built in 1794 by Anna Hart"),
            Shown(
                _BEES,
                "Answer from the text: what do bees do to tell where food is?\n{{context}}",
                "dance",
                evidence="Honey bees dance",
            ),
        ),
        span=True,
    ),
    Kind(
        "multiple-choice question answering",
        "mcqa",
        "A question with three to five different options in the instruction, one of which is right.",
        (
            Shown(
                _MILL,
                "{{context}}\n\nWhat stopped the mill?\n- a fire\n- a flood\n- a war",
                "a flood",
                ("a fire", "a flood", "a war"),
                "until the flood of 1863",
            ),
            Shown(
                _BEES,
                "{{context}}\nChoose who dances most: young workers, older workers, the queen.",
                "older workers",
                ("young workers", "older workers", "the queen"),
                "Most bees that dance are older workers.",
            ),
        ),
        options=True,
    ),
    Kind(
        "question generation",
        "qg",
        "The instruction asks for a question about the passage; the output is the question.",
        (
            Shown(
                _MILL,
                "Write a question that this text answers.\n\n{{context}}",
                "When was the mill on the Teme built?",
                evidence="built in 1794",
            ),
            Shown(
                _BEES,
                "{{context}}\n\nAsk something about it whose answer is “older workers”.",
                "Which bees dance most often?",
                evidence="older workers",
            ),
        ),
    ),
    Kind(
        "question answering without choices",
        "qa",
        "A question that the passage answers, in words of your own.",
        (
            Shown(
                _MILL,
                "{{context}}\n\nFor how long did the mill work?",
                "For about 69 years, from 1794 to 1863.",
                evidence="built in 1794",
            ),
            Shown(
                _BEES,
                "Read this and explain why bees dance: {{context}}",
                "To show the other bees where food is.",
                evidence="to tell the hive where food is",
            ),
        ),
    ),
    Kind(
        "yes-no question answering",
        "ynqa",
        "A question that the passage answers with yes or no.",
        (
            Shown(_MILL, "{{context}}\n\nDid the mill grind wheat? Yes or no?", "no", evidence="It ground barley"),
            Shown(
                _BEES,
                "Is it the older bees that mostly dance? {{context}}",
                "yes",
                evidence="Most bees that dance are older workers.",
            ),
        ),
        labels=("yes", "no"),
    ),
    Kind(
        "coreference resolution",
        "coref",
        "Whom or what a pronoun of the passage stands for; the output is the name.",
        (
            Shown(
                _MILL,
                "{{context}}\n\nIn the second sentence, what does “It” stand for?",
                "The mill",
                evidence="It ground barley",
            ),
            Shown(
                "Tom thanked Ida because she had lent him her car.",
                "Who is “she” in this sentence? {{context}}",
                "Ida",
                evidence="she had lent him her car",
            ),
        ),
    ),
    Kind(
        "paraphrase generation",
        "paraphrase",
        "The instruction asks to say the passage in other words; the output does so.",
        (
            Shown(
                "Rain fell all night.", "Say it in other words: {{context}}", "It did not stop raining until morning."
            ),
            Shown(
                _BEES,
                "Rewrite this text without changing what it says.\n{{context}}",
                "By dancing, honey bees point the hive to food; it is mainly older workers that do so.",
            ),
        ),
    ),
    Kind(
        "paraphrase identification",
        "paraphrase_id",
        "The instruction gives a second sentence and asks whether it says the same as the passage.",
        (
            Shown(
                "Rain fell all night.",
                "{{context}}\nIt rained until morning.\nDo both say the same? yes or no",
                "yes",
                ("yes", "no"),
            ),
            Shown(
                _MILL, "Same meaning, yes or no?\n1. {{context}}\n2. The mill was built in 1863.", "no", ("yes", "no")
            ),
        ),
        labels=("yes", "no"),
        options=True,
    ),
    Kind(
        "sentence completion",
        "sent_comp",
        "The instruction asks how the passage goes on; the output is the continuation.",
        (
            Shown(
                "She opened the letter, read it twice, and",
                "{{context}} … How does it go on?",
                "put it into the fire without a word.",
            ),
            Shown(_MILL, "Write the next sentence.\n{{context}}", "After that nobody used the building."),
        ),
    ),
    Kind(
        "sentiment",
        "sentiment",
        "Which feeling the passage shows; the options stand in the instruction.",
        (
            Shown(
                _SHOP,
                "{{context}}\n\nIs this review positive, negative or mixed?",
                "mixed",
                ("positive", "negative", "mixed"),
            ),
            Shown(
                "What a lovely day we had!", "positive or negative: {{context}}", "positive", ("positive", "negative")
            ),
        ),
        labels=("positive", "negative", "neutral"),
        options=True,
    ),
    Kind(
        "summarization",
        "summarization",
        "The instruction asks for the passage in short; the output is shorter and not copied.",
        (
            Shown(_MILL, "{{context}}\n\nSum this up in a few words.", "A barley mill of 1794, ended by a flood."),
            Shown(_BEES, "What is the gist? {{context}}", "Mostly older bees dance to show where food is."),
        ),
    ),
    Kind(
        "text generation",
        "text_gen",
        "The instruction asks for a new text of some form that rests on the passage.",
        (
            Shown(
                _MILL,
                "Write the text of a plaque from these facts.\n{{context}}",
                "THE MILL. Built 1794 by Anna Hart. Flooded 1863.",
            ),
            Shown(_BEES, "Turn this into a headline: {{context}}", "Old Bees Lead the Dance"),
        ),
    ),
    Kind(
        "topic classification",
        "topic_class",
        "Which of the topics in the instruction the passage belongs to.",
        (
            Shown(_BEES, "{{context}}\n\nTopic: animals, law or sports?", "animals", ("animals", "law", "sports")),
            Shown(_MILL, "Choose the topic, history or music: {{context}}", "history", ("history", "music")),
        ),
        options=True,
    ),
    Kind(
        "word sense disambiguation",
        "wsd",
        "Which sense a word of the passage has there; the senses stand in the instruction.",
        (
            Shown(
                "He sat on the bank and fished.",
                "{{context}}\nDoes “bank” mean (a) a river's edge or (b) a firm that keeps money?",
                "a river's edge",
                ("a river's edge", "a firm that keeps money"),
                "sat on the bank",
            ),
            Shown(
                _BEES,
                "In “{{context}}”, is a worker an employee or a female bee?",
                "a female bee",
                ("an employee", "a female bee"),
            ),
        ),
        options=True,
    ),
    Kind(
        "textual entailment",
        "te",
        "Whether a second sentence, given in the instruction, follows from the passage.",
        (
            Shown(
                _MILL,
                "{{context}}\nDoes it follow that the mill is older than 1800? yes or no",
                "yes",
                ("yes", "no"),
                "built in 1794",
            ),
            Shown(
                _BEES,
                "{{context}}\n\nHence all bees dance. True or false?",
                "false",
                ("true", "false"),
                "Most bees that dance",
            ),
        ),
        labels=("yes", "no"),
        options=True,
    ),
    Kind(
        "natural language inference",
        "nli",
        "Whether the passage entails, contradicts, or says nothing about a second sentence, given in the instruction.",
        (
            Shown(
                _MILL,
                "Premise: {{context}}\nHypothesis: The mill ground rye alone.\nentailment, neutral or contradiction?",
                "contradiction",
                ("entailment", "neutral", "contradiction"),
                "It ground barley",
            ),
            Shown(
                _BEES,
                "{{context}}\nBees can smell. Is this entailment, neutral or contradiction?",
                "neutral",
                ("entailment", "neutral", "contradiction"),
            ),
        ),
        labels=("entailment", "neutral", "contradiction"),
        options=True,
    ),
)

BY_NAME = {name: kind for kind in KINDS for name in (kind.name, kind.short)}


def kind(name: str) -> Kind:
    """By full or short name, whatever its case. Raises `ValueError` for another."""
    found = BY_NAME.get(name.strip().casefold())
    if found is None:
        raise ValueError(f"{name.strip()[:60]} is no kind of task; there are {', '.join(one.short for one in KINDS)}")
    return found


def kinds(listed: str) -> list[Kind]:
    """Of names with commas between; all for an empty text. Raises `ValueError`."""
    names = [part for part in listed.split(",") if part.strip()]
    return list(dict.fromkeys(kind(name) for name in names)) or list(KINDS)
