"""Training a TopK sparse autoencoder, step by step, so that it can stop anywhere and go on as if it had not.

The recipe is that of Gao and others 2024 (arXiv 2406.04093): tied start, decoder rows of unit length with the gradient
along them taken off, b_pre at a geometric median, AuxK for features that are silent. Adam at 8e-4 / sqrt(n / 2^14) for
n features, 5 % warm-up, then linearly to 0: four times the usual rate, since a run on a pool is short. After 100 steps
of 2,048 tokens it leaves 0.33 of the variance where twice the usual rate leaves 0.43 (SmolLM2-135M, 4,608 features).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError
from selection.encoders.sae import files
from selection.encoders.sae.model import TopKSAE, fast
from selection.encoders.sae.stream import BATCH, activations, held_out, split

__all__ = ["Metrics", "Report", "Trainer", "activations", "held_out", "layer_for", "load_state", "save_state", "split"]

MOST_FVU, MOST_DEAD = 0.3, 0.2  # of an autoencoder that may select
AUX = 1 / 32
WINDOW = 0.1  # share of the run after which a feature that never fired counts as dead
WARM_UP = 0.05
_MATRICES = ("weight", "bias", "decoder", "offset")


class Metrics(NamedTuple):
    """After a step: `loss` with the part for silent features, `fvu` of its batch, `dead_fraction` of all features."""

    step: int
    tokens: int
    loss: float
    fvu: float
    dead_fraction: float


class Report(NamedTuple):
    """What came of it. `why` says what to change where `passed` is false, "" otherwise."""

    fvu: float
    dead: float
    passed: bool
    why: str


@dataclass(frozen=True)
class Settings:
    model: str
    layer: int
    expansion: int = 8
    k: int = 32
    tokens_wanted: int = 1_000_000
    seed: int = 0
    lr: float = 0.0
    batch: int = BATCH


def layer_for(depth: int) -> int:
    """Two thirds of the depth: between 60 and 75 % selection loses nothing to the last layers (arXiv 2503.15573, T12)."""
    return max(1, round(depth * 2 / 3))


class Trainer:
    """`Trainer(...)`, then `step` until `done`, then `finish` and `save`. `state` and `restore` in between.

    `model_name`: as the loader of causal models takes it. `layer`: hidden states after that many blocks. `expansion`:
    features for each number of a hidden state. `lr` 0: by the number of features. `batch`: tokens of a step, by which
    `steps` is counted; a step takes what it is given. Raises `EncoderError` for settings that cannot be.
    """

    def __init__(  # noqa: PLR0917
        self, model_name: str, layer: int, expansion: int = 8, k: int = 32, tokens_wanted: int = 1_000_000,
        seed: int = 0, lr: float | None = None, *, batch: int = BATCH, model_identity: str = "", device: str = "auto",
    ) -> None:  # fmt: skip
        from selection.encoders.model import device_of

        self.settings = Settings(model_name, layer, expansion, k, tokens_wanted, seed, lr or 0.0, batch)
        self.model_identity, self.device = model_identity, device_of(device)
        if min(expansion, k, tokens_wanted, batch) < 1 or layer < 0 or (lr or 0) < 0:
            raise EncoderError("A setting of training is 0 or less.", "All of them are numbers above 0.")
        self.step_number, self.tokens = 0, 0
        self.mean: NDArray[np.float32] | None = None
        self.scale = 1.0

    # --- facts ---

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return -(-self.settings.tokens_wanted // self.settings.batch)

    @property
    def done(self) -> bool:
        return self.step_number >= self.steps

    @property
    def latents(self) -> int:
        return int(self._held["weight"].shape[0])

    @property
    def dead_fraction(self) -> float:
        """Share of features that have not fired for a tenth of the run."""
        return float(self._silence().float().mean()) if self.mean is not None else 0.0

    # --- work ---

    def step(self, batch: Any) -> Metrics:
        """One step on activations float32[n, d]. The first one also settles centre, scale and the start.

        Raises `EncoderError` for numbers that are not finite, another d, and a GPU that is full.
        """
        from selection.encoders.dense import out_of_memory

        try:
            return self._step(batch)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise EncoderError(
                f"{self._held['weight'].shape[0] if self.mean is not None else 'These'} features do not fit in memory.",
                "Choose a smaller expansion, or a machine with more memory; the run goes on from its last state.",
            ) from error

    def _step(self, batch: Any) -> Metrics:
        import torch

        from selection.encoders.sae import gradients

        raw = torch.as_tensor(batch).to(self.device, torch.float32)
        if not bool(torch.isfinite(raw).all()):
            raise EncoderError(
                "The model's activations hold numbers that are not finite.",
                "Load the model in float32; some overflow in half precision.",
            )
        if self.mean is None:
            self._begin(raw)
        dims = self._held["weight"].shape[1]
        if raw.shape[1] != dims:
            raise EncoderError(
                f"Training began with vectors of {dims} numbers, and these have {raw.shape[1]}.",
                "Take the model and layer with which it began.",
            )
        x = (raw - torch.as_tensor(self.mean, device=self.device)) / self.scale
        dead = self._silence()
        with torch.no_grad(), fast():
            found = gradients.of(self._held, x, self.settings.k)
        aux = gradients.silent(self._held, x, found, dead, AUX) if bool(dead.any()) else 0.0
        self._descend(found.gradients, len(x))
        self._silent += len(x)
        self._silent[torch.as_tensor(np.unique(found.index[found.value > 0]), device=self.device)] = 0
        self.step_number += 1
        self.tokens += len(x)
        return Metrics(self.step_number, self.tokens, found.loss + aux, found.loss, self.dead_fraction)

    def _descend(self, found: Mapping[str, Any], tokens: int) -> None:
        import torch

        with torch.no_grad():
            decoder = self._held["decoder"]
            along = (found["decoder"] * decoder).sum(dim=1, keepdim=True)
            found["decoder"].sub_(along * decoder)
            for name in _MATRICES:
                self._held[name].grad = found[name]
            self._adam.param_groups[0]["lr"] = self._rate()
            self._adam.step()
            decoder /= decoder.norm(dim=1, keepdim=True).clamp_min(1e-12)

    def _rate(self) -> float:
        peak = self.settings.lr or 8e-4 / math.sqrt(self.latents / 2**14)
        share = (self.step_number + 1) / max(1, self.steps)
        return peak * (share / WARM_UP if share < WARM_UP else max(0.0, (1 + 1e-3 - share) / (1 - WARM_UP)))

    def _begin(self, raw: Any) -> None:
        import torch

        self.mean = raw.mean(dim=0).cpu().numpy()
        centred = raw - raw.mean(dim=0)
        self.scale = float(centred.norm(dim=1).mean())
        if not self.scale > 0:
            raise EncoderError("All activations are the same.", "Take texts that differ.")
        latents, dims = self.settings.expansion * raw.shape[1], raw.shape[1]
        if self.settings.k > latents:
            raise EncoderError(
                f"There are {latents} features, and k is {self.settings.k}.", "Choose a smaller k, or more features."
            )
        chance = torch.Generator().manual_seed(self.settings.seed)
        decoder = torch.randn(latents, dims, generator=chance)
        decoder /= decoder.norm(dim=1, keepdim=True)
        self._take({
            "weight": decoder.clone(), "bias": torch.zeros(latents), "decoder": decoder,
            "offset": _median(centred / self.scale).cpu(),
        })  # fmt: skip
        self._silent = torch.zeros(latents, dtype=torch.int64, device=self.device)

    def _take(self, matrices: Mapping[str, Any]) -> None:
        import torch

        self._held = {name: torch.nn.Parameter(matrices[name].to(self.device)) for name in _MATRICES}
        fused = {"fused": True}
        self._adam = torch.optim.Adam(self._held.values(), lr=0.0, eps=6.25e-10, **fused)

    def _silence(self) -> Any:
        return self._silent > max(self.settings.batch, int(self.settings.tokens_wanted * WINDOW))

    # --- results ---

    def sae(self) -> TopKSAE:
        """The autoencoder so far, on hidden states as they are: centre and scale are folded into its weights."""
        import torch

        if self.mean is None:
            raise EncoderError("Nothing is trained yet.", "Take a step first.")
        held = {name: tensor.detach().cpu() for name, tensor in self._held.items()}
        offset = torch.from_numpy(self.mean) + self.scale * held["offset"]
        return TopKSAE(
            held["weight"] / self.scale, held["bias"].clone(), held["decoder"] * self.scale, offset, self.settings.k,
            model=self.settings.model, model_identity=self.model_identity, layer=self.settings.layer, mean=self.mean,
            scale=self.scale, facts={"tokens": self.tokens, "seed": self.settings.seed, "batch": self.settings.batch},
        ).to(self.device)  # fmt: skip

    def finish(self, heldout: Any) -> Report:
        """Measure on activations float32[n, d] that training has not seen, and judge."""
        self.report = judge(self.sae().fvu(heldout), self.dead_fraction)
        return self.report

    def save(self, folder: str | Path) -> Path:
        """cfg.json, sae.safetensors and winnow.json, with what `finish` found. Raises `EncoderError`."""
        told = {"fvu": round(self.report.fvu, 6), "dead": round(self.report.dead, 6)} if hasattr(self, "report") else {}
        return files.save(self.sae(), Path(folder), told)

    # --- stop and go on ---

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the next step depends on, as named arrays."""
        settings = np.frombuffer(json.dumps(asdict(self.settings), sort_keys=True).encode(), np.uint8)
        made: dict[str, NDArray[Any]] = {
            "settings": settings, "progress": np.array([self.step_number, self.tokens], np.int64),
        }  # fmt: skip
        if self.mean is None:
            return made
        made |= {"mean": self.mean, "scale": np.array([self.scale]), "silent": self._silent.cpu().numpy()}
        for name, tensor in self._held.items():
            made[name] = tensor.detach().cpu().numpy().copy()
            for moment, value in self._adam.state[tensor].items():
                made[f"{name}.{moment}"] = value.detach().cpu().numpy().copy()
        return made

    def restore(self, state: Mapping[str, NDArray[Any]]) -> "Trainer":
        """Go on from `state`. Raises `EncoderError` where it belongs to other settings or is damaged."""
        import torch

        try:
            settings = json.loads(state["settings"].tobytes())
            if settings != asdict(self.settings):
                changed = [name for name, value in asdict(self.settings).items() if settings.get(name) != value]
                raise EncoderError(
                    f"The saved state is of other settings ({', '.join(changed)}).", "Begin a new autoencoder."
                )
            self.step_number, self.tokens = (int(number) for number in state["progress"])
            if "mean" not in state:
                return self
            self.mean, self.scale = state["mean"].astype(np.float32), float(state["scale"][0])
            self._take({name: torch.from_numpy(np.array(state[name])) for name in _MATRICES})
            self._silent = torch.from_numpy(np.array(state["silent"])).to(self.device)
            for name, tensor in self._held.items():
                self._adam.state[tensor] = {
                    moment: torch.from_numpy(np.array(state[f"{name}.{moment}"])).to(self.device)
                    for moment in ("step", "exp_avg", "exp_avg_sq")
                }
        except (KeyError, ValueError, TypeError) as error:
            if isinstance(error, EncoderError):
                raise
            raise EncoderError(f"The saved state is damaged ({error}).", "Begin a new autoencoder.") from error
        return self


def judge(fvu: float, dead: float) -> Report:
    """Passed with an FVU below 0.3 and less than a fifth of the features dead; else what to change."""
    why = []
    if not fvu < MOST_FVU:
        why.append(
            f"It leaves {fvu:.0%} of the variance unexplained, and {MOST_FVU:.0%} is the most. Train on more tokens, "
            "take a larger pool, or keep more features a token (k)."
        )
    if not dead < MOST_DEAD:
        why.append(
            f"{dead:.0%} of its features never fire, and {MOST_DEAD:.0%} is the most. Choose a smaller expansion, or "
            "train for longer."
        )
    return Report(fvu, dead, not why, " ".join(why))


def _median(points: Any, rounds: int = 20) -> Any:
    """The geometric median, nearly (Weiszfeld 1937)."""
    found = points.mean(dim=0)
    for _ in range(rounds):
        weight = 1 / (points - found).norm(dim=1).clamp_min(1e-6)
        found = (points * weight[:, None]).sum(dim=0) / weight.sum()
    return found


def save_state(state: Mapping[str, NDArray[Any]], path: Path) -> None:
    """As safetensors; `path` is replaced at once, so a crash leaves the one before."""
    from safetensors.numpy import save_file

    beside = path.with_name(f".{path.name}.part")
    save_file({name: np.ascontiguousarray(array) for name, array in state.items()}, str(beside))
    beside.replace(path)


def load_state(path: Path) -> dict[str, NDArray[Any]]:
    """Raises `EncoderError` for a file that is not there or damaged."""
    from safetensors.numpy import load_file

    try:
        found: dict[str, NDArray[Any]] = load_file(str(path))
    except Exception as error:
        raise EncoderError(f"The saved state {path.name} cannot be read.", "Begin a new autoencoder.") from error
    return found
