"""What generators read and write: the task, its sources, requests, replies, candidates and verdicts. Plain frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curation.content import Content, Message


@dataclass(frozen=True, slots=True)
class Demo:
    """An example with its answer: a demonstration, or a finished example of the task."""

    input: str = ""
    output: str = ""
    explanation: str = ""
    positive: bool = True
    instruction: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Spec:
    """The task as generators see it. `labels` in order, empty where the answer is free text; `schema`: JSON schema of
    the answer; `language`: ISO 639 code of the answers, empty where it does not matter.
    """

    name: str = ""
    instruction: str = ""
    demonstrations: tuple[Demo, ...] = ()
    labels: tuple[str, ...] = ()
    guidelines: str = ""
    language: str = ""
    schema: Mapping[str, Any] | None = None

    @property
    def demos(self) -> tuple[Demo, ...]:
        """The positive demonstrations."""
        return tuple(demo for demo in self.demonstrations if demo.positive)


@dataclass(frozen=True, slots=True)
class Source:
    """A text that something is made of: a passage, or an input. `key` is kept as parent of what comes of it."""

    key: str
    text: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a taxonomy; `parent` is the key of another, empty for a root. `quota`: candidates wanted below it."""

    key: str
    name: str
    parent: str = ""
    text: str = ""
    quota: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a run may draw on. `examples` are finished examples of the task; `existing` texts that a candidate must not
    repeat; `tests` held-out texts that must not get into the data.
    """

    passages: tuple[Source, ...] = ()
    inputs: tuple[Source, ...] = ()
    examples: tuple[Demo, ...] = ()
    taxonomy: tuple[Node, ...] = ()
    existing: tuple[Source, ...] = ()
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is asked to draw. None: the field is not sent. `max_tokens` in tokens of the answer."""

    temperature: float = 0.7
    top_p: float | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    top_k: int | None = None
    presence_penalty: float | None = None
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt. `key` is unique in a run and the same at each replay; `seed` follows from it and the run's seed.

    `samples` answers are wanted, each its own request to a server and its own cache entry. `raw`: a completion without
    a chat template; the only message is the prompt. `template`: "name@hash" of what was rendered.
    """

    stage: str
    key: str
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    schema: Mapping[str, Any] | None = None
    samples: int = 1
    seed: int = 0
    raw: bool = False
    template: str = ""

    def wire(self) -> list[dict[str, str]]:
        """The messages as dicts with role and content."""
        return [{"role": turn.role, "content": turn.text} for turn in self.messages]


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """One sample. `finish_reason` as the server says ("stop", "length", "content_filter", …); a request that failed for
    good, or was never sent, is a Reply with `error`. `logprobs`: of the first token, token -> natural log. `echo`: it
    repeats the marks of its prompt; the plan sees to that.
    """

    text: str = ""
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    error: str = ""
    logprobs: Mapping[str, float] | None = None
    echo: bool = False

    @property
    def why(self) -> str:
        """Why it cannot be used; empty where it can."""
        if self.error:
            return f"no answer: {self.error}"
        if self.finish_reason == "length":
            return "cut off at the token limit"
        if self.finish_reason not in ("stop", "", "eos", "end_turn", "stop_sequence"):
            return f"the answer ended with {self.finish_reason}"
        if self.echo:
            return "the answer repeats its prompt"
        return "" if self.text.strip() else "empty answer"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says of a candidate. A failed one drops it, unless `flag`: then people are told and it stays.

    `reason` is a plain sentence for a person; `value` was measured and held against `threshold`.
    """

    filter: str
    version: int
    passed: bool
    reason: str = ""
    value: float | str | None = None
    threshold: float | str | None = None
    flag: bool = False

    @property
    def drops(self) -> bool:
        return not (self.passed or self.flag)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a run proposes. `key` is unique in the run and the same at each replay.

    A preference pair has `chosen` and `rejected`; a chat has `messages`; else instruction, input and outputs.
    `requests`: keys of the requests it came from, in order. `parents`: keys of the sources, demonstrations, or
    candidates it was made of. `score`: higher is better; decides which of two duplicates stays.
    """

    key: str = ""
    instruction: str = ""
    input: str = ""
    outputs: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    chosen: str = ""
    rejected: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    score: float | None = None

    @property
    def kept(self) -> bool:
        return not any(verdict.drops for verdict in self.verdicts)

    @property
    def reason(self) -> str:
        """Why it was dropped: the first verdict that drops it; empty for a kept one."""
        return next((verdict.reason or verdict.filter for verdict in self.verdicts if verdict.drops), "")

    @property
    def output(self) -> str:
        """The first output, or the chosen answer."""
        return self.outputs[0] if self.outputs else self.chosen

    @property
    def content(self) -> Content:
        """As a row; of a pair the chosen answer is the output."""
        if self.messages:
            system = self.messages[0].text if self.messages[0].role == "system" else ""
            return Content("chat", messages=self.messages[1:] if system else self.messages, system=system)
        outputs = self.outputs or ((self.chosen,) if self.chosen else ())
        return Content("single", self.instruction, self.input, outputs)

    def judged(self, *verdicts: Verdict) -> "Candidate":
        """The same with more verdicts; none is ever taken away."""
        return replace(self, verdicts=(*self.verdicts, *verdicts))
