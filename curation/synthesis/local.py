"""A language model inside the worker: what arrives together is generated together, each request with its own seed.

Draws are by Gumbel's trick: to the logits, after temperature, top-k and top-p, comes noise that only the request's seed
decides, and the largest wins. So an answer does not depend on its neighbours in the batch, as far as arithmetic in
another order gives the same numbers. (Gumbel 1954; Maddison and others 2014.)
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from config.faults import Fault
from curation.models import Endpoint
from curation.synthesis.dialects import RAW
from curation.synthesis.outcomes import Outcome, Then

MOST = 16  # requests in one batch
GATHER = 0.01  # seconds in which requests find together
TOP = 20  # logprobs of the first token


@dataclass(slots=True)
class Wish:
    path: str
    body: dict[str, Any]
    future: "asyncio.Future[Outcome]"


class LocalModel:
    """Answers like a server. Made inside the event loop that uses it; the model is loaded with the first request."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._waiting: list[Wish] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="synthesis-model")
        self._task: asyncio.Task[None] | None = None

    async def send(self, path: str, body: dict[str, Any]) -> Outcome:
        """Raises `Fault` endpoint.local_model where the model cannot be loaded."""
        loop = asyncio.get_running_loop()
        wish = Wish(path, body, loop.create_future())
        self._waiting.append(wish)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return await wish.future

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    async def _work(self) -> None:
        await asyncio.sleep(GATHER)
        while self._waiting:
            # Alike in length together: padding is work for nothing.
            self._waiting.sort(key=lambda wish: int(wish.body["max_tokens"]))
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            loop = asyncio.get_running_loop()
            try:
                found = await loop.run_in_executor(self._pool, self._answers, [(w.path, w.body) for w in batch])
            except Exception as error:  # noqa: BLE001  (it is raised where somebody waits for it)
                _each(batch, error)
                continue
            for wish, outcome in zip(batch, found, strict=True):
                if not wish.future.done():
                    wish.future.set_result(outcome)
            await asyncio.sleep(GATHER)  # those that were answered may ask again

    def _answers(self, asked: Sequence[tuple[str, dict[str, Any]]]) -> list[Outcome]:
        began = time.monotonic()
        found = generate(load(self.endpoint.model), asked)
        seconds = round(time.monotonic() - began, 3)
        return [
            Outcome(Then.DONE, response=one, seconds=seconds, status=200) if isinstance(one, dict)
            else Outcome(Then.FAIL, "refused", one, status=400)
            for one in found
        ]  # fmt: skip


def _each(batch: Sequence[Wish], error: Exception) -> None:
    for wish in batch:
        if not wish.future.done():
            wish.future.set_exception(error)


def load(name: str) -> Any:
    """The model of that name, one a process. Raises `Fault` endpoint.local_model."""
    from selection.encoders import causal
    from selection.encoders.base import EncoderError

    try:
        return causal.load(name)
    except EncoderError as error:
        raise Fault("endpoint.local_model", model=name, why=error.what, mend=error.mend) from None


def generate(model: Any, asked: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any] | str]:
    """Answers in the form of a server, or why a request cannot be answered."""
    prompts = [_tokens(model, path, body) for path, body in asked]
    found: list[dict[str, Any] | str] = [""] * len(asked)
    good = []
    for place, (ids, (_, body)) in enumerate(zip(prompts, asked, strict=True)):
        if len(ids) + int(body["max_tokens"]) > model.context:
            found[place] = (
                f"The prompt has {len(ids):,} tokens and {body['max_tokens']:,} may be written; "
                f"the model reads {model.context:,} in all."
            )
        else:
            good.append(place)
    if good:
        made = _generate(model, [prompts[place] for place in good], [asked[place][1] for place in good])
        for place, (ids, top) in zip(good, made, strict=True):
            found[place] = _response(model, asked[place], len(prompts[place]), ids, top)
    return found


def _tokens(model: Any, path: str, body: dict[str, Any]) -> list[int]:
    if path == RAW:
        return [int(one) for one in model.tokenizer(body["prompt"])["input_ids"]]
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in body["messages"]]
    if not getattr(model.tokenizer, "chat_template", None):
        text = "\n\n".join(turn["content"] for turn in turns) + "\n"
        return [int(one) for one in model.tokenizer(text)["input_ids"]]
    text = model.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return [int(one) for one in model.tokenizer(text, add_special_tokens=False)["input_ids"]]


def _generate(
    model: Any, prompts: Sequence[list[int]], bodies: Sequence[dict[str, Any]]
) -> list[tuple[list[int], dict[str, float] | None]]:
    """The new tokens of each row, without what ends it, and the logprobs of the first token where they are wanted."""
    import torch

    ends = _ends(model)
    longest = max(len(ids) for ids in prompts)
    pad = model.tokenizer.pad_token_id if model.tokenizer.pad_token_id is not None else min(ends, default=0)
    device = model.model.device
    ids = torch.tensor([[pad] * (longest - len(row)) + row for row in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts], device=device)
    draw = _Draw(bodies, ends, longest)
    with torch.inference_mode():
        out = model.model.generate(
            input_ids=ids, attention_mask=mask, do_sample=False, num_beams=1, pad_token_id=pad,
            eos_token_id=sorted(ends) or None, max_new_tokens=max(int(body["max_tokens"]) for body in bodies),
            logits_processor=[draw], temperature=None, top_p=None, top_k=None, repetition_penalty=1.0,
        )  # fmt: skip
    found = []
    for row, body in enumerate(bodies):
        new = out[row, longest:].tolist()[: int(body["max_tokens"])]
        stop = next((at for at, token in enumerate(new) if token in ends), None)
        new = new if stop is None else new[: stop + 1]
        found.append((new, draw.first(model, row) if body.get("logprobs") else None))
    return found


def _ends(model: Any) -> set[int]:
    told = model.model.generation_config.eos_token_id
    ends = set(told) if isinstance(told, list | tuple) else {told}
    ends.add(model.tokenizer.eos_token_id)
    return {int(one) for one in ends if one is not None}


class _Draw:
    """A logits processor after which the largest logit is a draw: each row with its own seed and settings."""

    def __init__(self, bodies: Sequence[dict[str, Any]], ends: set[int], longest: int) -> None:
        import torch

        self.bodies, self.ends, self.longest = bodies, sorted(ends), longest
        self.noise = [torch.Generator().manual_seed(int(body.get("seed", 0))) for body in bodies]
        self.firsts: Any = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        step = input_ids.shape[1] - self.longest
        scores = scores.float()
        if step == 0:
            self.firsts = torch.log_softmax(scores, -1).cpu()
        for row, body in enumerate(self.bodies):
            if step >= int(body["max_tokens"]) and self.ends:
                scores[row] = float("-inf")
                scores[row, self.ends[0]] = 0.0
            elif float(body.get("temperature", 0.0)) > 0:
                scores[row] = self._drawn(scores[row], row, body)
        return scores

    def _drawn(self, logits: Any, row: int, body: dict[str, Any]) -> Any:
        import torch

        logits = logits / float(body["temperature"])
        if top_k := body.get("top_k"):
            least = torch.topk(logits, min(int(top_k), logits.shape[-1])).values[-1]
            logits = logits.masked_fill(logits < least, float("-inf"))
        if (top_p := body.get("top_p")) is not None and float(top_p) < 1:
            ordered, places = torch.sort(logits, descending=True)
            shares = torch.softmax(ordered, -1)
            out = torch.cumsum(shares, -1) - shares > float(top_p)
            logits = logits.masked_fill(torch.zeros_like(out).scatter(0, places, out), float("-inf"))
        noise = torch.rand(logits.shape[-1], generator=self.noise[row]).clamp_min(1e-20)
        return logits - torch.log(-torch.log(noise)).to(logits.device)

    def first(self, model: Any, row: int) -> dict[str, float]:
        top = self.firsts[row].topk(min(TOP, self.firsts.shape[-1]))
        return {
            model.tokenizer.decode([token]): round(value, 5)
            for value, token in zip(top.values.tolist(), top.indices.tolist(), strict=True)
        }


def _response(
    model: Any, asked: tuple[str, dict[str, Any]], prompt: int, new: list[int], top: dict[str, float] | None
) -> dict[str, Any]:
    path, body = asked
    ended = bool(new) and new[-1] in _ends(model)
    text = model.tokenizer.decode(new[:-1] if ended else new, skip_special_tokens=True)
    reason = "stop" if ended else "length"
    cuts = [at for stop in body.get("stop", ()) if (at := text.find(stop)) >= 0]
    if cuts:
        text, reason = text[: min(cuts)], "stop"
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
    if path == RAW:
        choice |= {"text": text, "logprobs": {"top_logprobs": [top]} if top else None}
    else:
        entries = [{"token": token, "logprob": value} for token, value in (top or {}).items()]
        choice |= {
            "message": {"role": "assistant", "content": text},
            "logprobs": {"content": [{"top_logprobs": entries}]} if top else None,
        }
    usage = {"prompt_tokens": prompt, "completion_tokens": len(new), "total_tokens": prompt + len(new)}
    return {"object": "chat.completion", "model": model.identity, "choices": [choice], "usage": usage}
