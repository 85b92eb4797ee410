"""Where a sparse autoencoder lies, what names it, and its files in the layout of sparsify.

<folder>/cfg.json            d_in, num_latents or expansion_factor, k, activation, transcode
<folder>/sae.safetensors     encoder.weight [latents, d], encoder.bias, W_dec [latents, d], b_dec
<folder>/winnow.json         model, model_identity, layer, mean, scale, fvu, dead, …; only where Winnow made it
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selection.encoders.base import EncoderError
from selection.encoders.files import Kind, files_digest
from selection.encoders.files import folder_of as model_folder

if TYPE_CHECKING:
    from selection.encoders.sae.model import TopKSAE

CONFIG, WEIGHTS, OWN, FOREIGN = "cfg.json", "sae.safetensors", "winnow.json", "sae_weights.safetensors"
NAMED = re.compile(r"sae-[0-9a-f]{12}")
_HOOKPOINT = re.compile(r"(?:^|[./])layers\.(\d+)$")
# Set by the application: the folder with the files of "sae-…", or an `EncoderError`.
resolver: Callable[[str], Path] | None = None


def set_resolver(found: Callable[[str], Path] | None) -> None:
    """Who turns "sae-" and 12 hex digits into a folder."""
    global resolver  # noqa: PLW0603
    resolver = found


def folder_of(name: str, *, fetch: bool = True) -> Path:
    """The folder with cfg.json: of a path, "owner/repo[:hookpoint]" of the hub, or "sae-…" by `resolver`.

    Raises `EncoderError`, naming the hookpoints where there are several and none is asked for.
    """
    if NAMED.fullmatch(name):
        if resolver is None:
            raise EncoderError(f"Nothing here knows {name}.", "Give the folder of the sparse autoencoder.")
        return _within(Path(resolver(name)), "")
    if not name:
        raise EncoderError("No sparse autoencoder is named.", "Give a folder, owner/repo:hookpoint, or one of a team.")
    if name.startswith((".", "~")) or Path(name).is_absolute():
        return _within(Path(name).expanduser(), "")
    repo, _, hookpoint = name.partition(":")
    if hookpoint and (not re.fullmatch(r"[\w][\w./-]*", hookpoint) or ".." in hookpoint):
        raise EncoderError(f"{hookpoint!r} is no hookpoint.", "A hookpoint looks like layers.17.")
    inside = f"{hookpoint}/" if hookpoint else ""
    patterns = [inside + each for each in (CONFIG, WEIGHTS, OWN, FOREIGN)]
    if not hookpoint:
        patterns += [f"*/{CONFIG}"]  # so that a refusal can name the hookpoints
    kind = Kind(
        "sparse autoencoder", (CONFIG, *([hookpoint.split("/")[0]] if hookpoint else _hooks())),
        "a folder, owner/repo:hookpoint of the hub, or sae-… of a team", "", {"allow_patterns": patterns},
    )  # fmt: skip
    return _within(model_folder(repo, fetch=fetch, kind=kind), hookpoint)


def _hooks() -> list[str]:
    return [f"layers.{n}" for n in range(200)]


def _within(folder: Path, hookpoint: str) -> Path:
    """The folder itself, its hookpoint, or the only one that it holds."""
    place = folder / hookpoint if hookpoint else folder
    if (place / CONFIG).is_file():
        return place
    if not place.is_dir():
        raise EncoderError(f"The folder {place} does not exist.", "Give a folder that this machine's workers can read.")
    inside = sorted(found.parent.relative_to(place).as_posix() for found in place.rglob(CONFIG))
    if len(inside) == 1 and not hookpoint:
        return place / inside[0]
    if inside:
        raise EncoderError(
            f"{folder.name} holds several sparse autoencoders.",
            f"Add one of these after a colon, or give its folder: {', '.join(inside[:40])}.",
        )
    raise EncoderError(f"The folder {place} holds no sparse autoencoder.", f"It must hold {CONFIG} and {WEIGHTS}.")


def identity(name: str, *, fetch: bool = False) -> str:
    """ "sae-" and 12 hex digits over the files of `folder_of`; no weights are loaded. Raises `EncoderError`."""
    return identity_of_folder(folder_of(name, fetch=fetch))


def identity_of_folder(folder: Path) -> str:
    """Of the files in it, whatever its name."""
    return f"sae-{files_digest(folder).hex()[:12]}"


def read(folder: Path) -> "TopKSAE":
    """On the CPU, in float32. Also reads the layout of sae-lens. Raises `EncoderError`."""
    config = read_json(folder / CONFIG)
    if (folder / FOREIGN).is_file():
        from selection.encoders.sae.convert import from_sae_lens

        return from_sae_lens(folder, config)
    arrays = read_tensors(folder / WEIGHTS)
    own = read_json(folder / OWN) if (folder / OWN).is_file() else {}
    activation = config.get("activation", "topk")
    if activation != "topk":
        raise EncoderError(f"The activation {activation} is not known here.", "Only TopK autoencoders can be used.")
    shapes = {name: tuple(arrays[name].shape) for name in arrays}
    latents, d_in = _wanted(config, folder)
    expected = {
        "encoder.weight": (latents, d_in), "encoder.bias": (latents,), "W_dec": (latents, d_in), "b_dec": (d_in,),
    }  # fmt: skip
    for name, shape in expected.items():
        if shapes.get(name) != shape:
            raise EncoderError(
                f"{name} in {WEIGHTS} is {shapes.get(name, 'missing')}, and {CONFIG} says {shape}.",
                "The two files belong to different autoencoders, or one is damaged; fetch both again.",
            )
    mean = np.asarray(own["mean"], np.float32) if own.get("mean") else None
    layer = own.get("layer")
    layer = hookpoint_layer(folder.name) if layer is None else layer
    from selection.encoders.sae.model import TopKSAE  # brings compiled kernels, which only a worker needs

    return TopKSAE(
        arrays["encoder.weight"], arrays["encoder.bias"], arrays["W_dec"], arrays["b_dec"], whole(config, "k"),
        identity=identity_of_folder(folder), model=str(own.get("model", "")),
        model_identity=str(own.get("model_identity", "")), layer=None if layer is None else int(layer),
        transcode=bool(config.get("transcode")), mean=mean, scale=float(own.get("scale", 1.0)),
        facts={name: value for name, value in own.items() if name != "mean"},
    )  # fmt: skip


def hookpoint_layer(name: str) -> int | None:
    """17 of "layers.17"; None of what is not a residual stream ("layers.17.mlp") or says nothing."""
    found = _HOOKPOINT.search(name)
    return int(found[1]) if found else None


def save(sae: "TopKSAE", folder: Path, facts: Mapping[str, Any] | None = None) -> Path:
    """Write cfg.json, sae.safetensors and winnow.json into `folder`; what was there is replaced only when all is made.

    `facts` go into winnow.json beside model, layer, mean and scale. Raises `EncoderError` where it cannot be written.
    """
    from safetensors.torch import save_file

    config = {
        "activation": "topk", "expansion_factor": max(1, round(sae.latents / sae.d_in)), "normalize_decoder": False,
        "num_latents": sae.latents, "k": sae.k, "multi_topk": False, "skip_connection": False,
        "transcode": sae.transcode, "d_in": sae.d_in,
    }  # fmt: skip
    own = {
        "version": 1, "model": sae.model, "model_identity": sae.model_identity, "layer": sae.layer,
        "scale": sae.scale, "mean": [] if sae.mean is None else [float(value) for value in sae.mean],
        **sae.facts, **(facts or {}),
    }  # fmt: skip
    tensors = {
        "encoder.weight": sae.weight, "encoder.bias": sae.bias, "W_dec": sae.decoder, "b_dec": sae.offset,
    }  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(held, str(folder / f".{WEIGHTS}"))
        for name, value in ((CONFIG, config), (OWN, own)):
            (folder / f".{name}").write_text(json.dumps(value, indent=1, sort_keys=True), "utf-8")
        for name in (WEIGHTS, OWN, CONFIG):
            (folder / f".{name}").replace(folder / name)
    except OSError as error:
        raise EncoderError(
            f"The sparse autoencoder cannot be written to {folder} ({error.strerror}).", "Free space, or check rights."
        ) from error
    return folder


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `EncoderError`."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise EncoderError(f"{path.name} cannot be read ({error.strerror}).", f"{path.parent} must hold it.") from error
    except ValueError as error:
        raise EncoderError(f"{path.name} is not JSON ({error}).", "Fetch or save the file again.") from error
    if not isinstance(found, dict):
        raise EncoderError(f"{path.name} holds no object.", "Fetch or save the file again.")
    return found


def read_tensors(path: Path) -> dict[str, Any]:
    """float32 tensors by name. Raises `EncoderError`."""
    from safetensors.torch import load_file

    if not path.is_file():
        raise EncoderError(f"{path.name} is missing in {path.parent}.", f"It must hold {CONFIG} and {WEIGHTS}.")
    try:
        return {name: tensor.float() for name, tensor in load_file(str(path)).items()}
    except Exception as error:
        raise EncoderError(f"{path.name} cannot be read: {error}.", "Fetch or save the file again.") from error


def whole(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A whole number above 0. Raises `EncoderError`."""
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise EncoderError(f"{CONFIG} says {name} = {value!r}.", "It must be a whole number above 0.")
    return value


def _wanted(config: Mapping[str, Any], folder: Path) -> tuple[int, int]:
    d_in = whole(config, "d_in")
    if config.get("num_latents"):
        return whole(config, "num_latents"), d_in
    if "expansion_factor" not in config:
        raise EncoderError(f"{CONFIG} in {folder.name} says no number of features.", "It needs num_latents.")
    return d_in * whole(config, "expansion_factor"), d_in
