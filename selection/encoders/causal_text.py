"""What a language model's tokenizer makes of a row: its chat template, and the token that stands before a text."""

import json
from collections.abc import Sequence
from typing import Any

from selection.encoders.base import EncoderError


class Template:
    """`there`: whether the model has a chat template. `refused`: rows that it did not take, rendered plainly."""

    def __init__(self, tokenizer: Any) -> None:
        from tokenizers import Tokenizer

        found = getattr(tokenizer, "_tokenizer", None)
        if not isinstance(found, Tokenizer):
            raise EncoderError(
                "The model's tokenizer is of a kind that cannot be batched here.",
                "Choose a model with a fast tokenizer (tokenizer.json).",
            )
        self.tokenizer = tokenizer
        self.there = bool(getattr(tokenizer, "chat_template", None))
        self.refused = 0
        self._backend = Tokenizer.from_str(found.to_str())
        self._backend.no_truncation()
        self._backend.no_padding()
        made = self._backend.encode("a", add_special_tokens=True)
        text = [at for at, special in enumerate(made.special_tokens_mask) if not special]
        self.before: list[int] = made.ids[: text[0]] if text else []

    def text(self, messages: str) -> str:
        """The view "messages" (JSON) as the model's template writes it, or plainly: each turn as `role: text`."""
        turns = json.loads(messages)
        if self.there:
            try:
                return str(self.tokenizer.apply_chat_template(turns, tokenize=False))
            except Exception:  # noqa: BLE001  # templates raise what they like, for roles they do not know
                self.refused += 1
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)

    def ids(self, texts: Sequence[str], *, opening: bool = True) -> list[list[int]]:
        """Token ids, with `opening` the first token of the model's own kind before them; none for an empty text."""
        first = str(self.tokenizer.bos_token or "") if self.before else ""
        if first:  # a template has written it already
            texts = [text.removeprefix(first) for text in texts]
        found = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        before = self.before if opening else []
        return [[*before, *one.ids] if one.ids else [] for one in found]
