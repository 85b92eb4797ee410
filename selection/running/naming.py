"""A name for a feature, asked of a language model: the prompt, and how its answer is read."""

from collections.abc import Sequence
from typing import Any

from curation.generators import Job, Reply, Request, Sampling, Template
from curation.generators.parsing import Unreadable, plain

MARKED = 1 / 3  # tokens with this share of the text's strongest are marked
MOST = 80  # characters of a name
TEMPLATE = Template(
    system="You name one feature of a language model by what the texts have in common in which it is strongest.\n"
    "- Where it fires, the words are marked «like this». What the marks share matters more than what the texts are about.\n"
    "- Two to six words, in lower case, as one would write them on a drawer: what is in there, and nothing else is.\n"
    "- As narrow as the texts allow: “sums of money in word problems”, not “numbers” or “text”.\n"
    "- The name alone: no quotation marks, no full stop, no remark.",
    data="{% for text in texts %}Text {{ loop.index }}:\n{{ text }}\n\n{% endfor %}",
    action="Write the name only.",
)


def asked(feature: int, texts: Sequence[dict[str, Any]]) -> tuple[Job, Request]:
    """The request for a feature whose strongest texts are `texts` (as FeatureLook keeps them), and the job of its fence.

    The same texts make the same request, which is paid once.
    """
    job = Job(templates={"name": TEMPLATE}, seed=feature)
    sampling = Sampling(temperature=0.0, max_tokens=60)
    return job, job.request("name", feature, data={"texts": [marked(text) for text in texts]}, sampling=sampling)


def marked(text: dict[str, Any]) -> str:
    """The text with « » around where the feature fires; neighbours are one mark."""
    whole = str(text["text"]).replace("«", '"').replace("»", '"')
    at, parts = 0, []
    for start, end in _runs(text["spans"], whole):
        parts += [whole[at:start], "«", whole[start:end], "»"]
        at = end
    before, after = ("…" if text.get(side) else "" for side in ("before", "after"))
    return before + "".join([*parts, whole[at:]]) + after


def _runs(spans: Sequence[Any], text: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for left, end, share in sorted(spans):
        start = end - len(text[left:end].lstrip())
        if share < MARKED or start >= end:
            continue
        if found and not text[found[-1][1] : start].strip():
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def read(reply: Reply) -> str:
    """The name. Raises `Unreadable`."""
    if reply.why:
        raise Unreadable(reply.why)
    first = next(iter(plain(reply.text).splitlines()), "")
    name = " ".join(first.removeprefix("Name:").split()).strip(" .\"'“”«»*_`")
    if not name:
        raise Unreadable("the answer is empty")
    if len(name) > MOST:
        raise Unreadable(f"the answer is longer than {MOST} characters: {name[:MOST]} …")
    return name
