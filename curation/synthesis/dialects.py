"""What is sent to each kind of server, and what its answers say. Pure.

Sources: the OpenAI chat completions API; the documents of vLLM, llama.cpp, Ollama and TGI on structured output.
"""

import math
from collections.abc import Mapping
from typing import Any

from curation.generators import Reply, Request, Usage

CHAT, RAW = "chat/completions", "completions"
TOP_K = {"vllm", "llamacpp", "tgi", "local"}  # others refuse a field that they do not know
MOST_LOGPROBS = 20
SEEDS = 1 << 31


class Malformed(ValueError):
    """An answer with status 200 that is no answer: what is wrong with it, in a few words."""


def path_of(request: Request) -> str:
    return RAW if request.raw else CHAT


def body_of(request: Request, sample: int, *, dialect: str, model: str, schema: bool = True) -> dict[str, Any]:
    """The JSON of one sample of a request. `schema`: whether the server takes a JSON schema at all."""
    drawn = request.sampling
    body: dict[str, Any] = {"model": model, "temperature": drawn.temperature, "max_tokens": drawn.max_tokens}
    if request.raw:
        body["prompt"] = request.messages[0].text
    else:
        body["messages"] = request.wire()
    body["seed"] = (request.seed + 1_000_003 * sample) % SEEDS
    for name in ("top_p", "presence_penalty"):
        if getattr(drawn, name) is not None:
            body[name] = getattr(drawn, name)
    if drawn.stop:
        body["stop"] = list(drawn.stop)
    if drawn.top_k is not None and dialect in TOP_K:
        body["top_k"] = drawn.top_k
    if drawn.logprobs:
        body |= {"logprobs": MOST_LOGPROBS} if request.raw else {"logprobs": True, "top_logprobs": MOST_LOGPROBS}
    if request.schema is not None and schema and dialect != "local":
        body["response_format"] = schema_form(dialect, request.schema)
    return body


def schema_form(dialect: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The field `response_format` of a dialect. `strict` is left out: it forbids most optional parts of schemas."""
    if dialect == "tgi":
        return {"type": "json", "value": dict(schema)}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}


def read(raw: Any, *, path: str = CHAT) -> Reply:
    """The answer of a server. Raises `Malformed` where it is none."""
    if not isinstance(raw, Mapping):
        raise Malformed("the answer is no JSON object")
    choices = raw.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise Malformed("the answer has no choices")
    choice = choices[0]
    reason = str(choice.get("finish_reason") or "stop")
    if path == RAW:
        text = choice.get("text")
    else:
        message = choice.get("message")
        if not isinstance(message, Mapping):
            raise Malformed("the answer has no message")
        text = message.get("content")
        if message.get("refusal"):
            reason, text = "refusal", message["refusal"]
        elif message.get("tool_calls"):
            reason = "tool_calls"
    if text is not None and not isinstance(text, str):
        raise Malformed("the text of the answer is no text")
    return Reply(
        text=text or "", finish_reason=reason[:40], usage=usage_of(raw), model=str(raw.get("model") or ""),
        logprobs=_logprobs(choice, path),
    )  # fmt: skip


def usage_of(raw: Mapping[str, Any]) -> Usage:
    told = raw.get("usage")
    if not isinstance(told, Mapping):
        return Usage()
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    prompt = _count(told.get("prompt_tokens"))
    return Usage(prompt, _count(told.get("completion_tokens")), min(prompt, _count(cached)))


def _count(value: Any) -> int:
    return min(value, 1 << 30) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _logprobs(choice: Mapping[str, Any], path: str) -> dict[str, float] | None:
    """Of the first token: token -> natural log of its probability."""
    told = choice.get("logprobs")
    if not isinstance(told, Mapping):
        return None
    if path == RAW:
        tops = told.get("top_logprobs")
        first = tops[0] if isinstance(tops, list) and tops else None
        pairs = list(first.items()) if isinstance(first, Mapping) else []
    else:
        content = told.get("content")
        first = content[0] if isinstance(content, list) and content else None
        entries = first.get("top_logprobs") if isinstance(first, Mapping) else None
        pairs = [(one.get("token"), one.get("logprob")) for one in entries or [] if isinstance(one, Mapping)]
    found = {str(token): float(value) for token, value in pairs if isinstance(value, int | float)}
    return found or None


def storable(value: Any) -> Any:
    """JSON that the database takes: without NUL characters and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {storable(str(name)): storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
        return float(value)
    return value
