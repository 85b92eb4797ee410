"""Sparse autoencoders: parity with the published encoder, files in and out, and what does not fit."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from selection.encoders import EncoderError, causal, sae
from selection.encoders.sae import convert, files, fit
from tests.tiny_lm import DIMS, tiny
from tests.tiny_sae import made, write


def weights(dims=24, latents=96, k=7, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return sae.TopKSAE(
        torch.randn(latents, dims, generator=chance), torch.randn(latents, generator=chance),
        torch.randn(latents, dims, generator=chance), torch.randn(dims, generator=chance), k,
    )  # fmt: skip


@pytest.fixture
def hidden():
    return torch.randn(300, 24, generator=torch.Generator().manual_seed(9)) * 3


def test_encode_is_that_of_sparsify(tmp_path, hidden, monkeypatch):
    monkeypatch.setenv("SPARSIFY_DISABLE_TRITON", "1")
    from sparsify import SparseCoder

    files.save(weights(), tmp_path / "layers.3")
    ours = sae.load(str(tmp_path / "layers.3"), "cpu")
    theirs = SparseCoder.load_from_disk(tmp_path / "layers.3")
    acts, index = ours.encode(hidden)
    with torch.no_grad():
        wanted = theirs.encode(hidden)
        back = theirs.decode(wanted.top_acts, wanted.top_indices).numpy()
    order = wanted.top_acts.argsort(dim=1, descending=True)
    np.testing.assert_array_equal(index, wanted.top_indices.gather(1, order).numpy())
    np.testing.assert_allclose(acts, wanted.top_acts.gather(1, order).numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.decode(acts, index), back, rtol=1e-4, atol=1e-4)


def test_parity_with_a_transcoder_and_few_positive_features(tmp_path, hidden, monkeypatch):
    monkeypatch.setenv("SPARSIFY_DISABLE_TRITON", "1")
    from dataclasses import replace

    from sparsify import SparseCoder

    files.save(replace(weights(), bias=torch.full((96,), -14.0), transcode=True), tmp_path)
    ours, theirs = files.read(tmp_path), SparseCoder.load_from_disk(tmp_path)
    assert ours.transcode
    acts, index = ours.encode(hidden)
    assert (acts == 0).any()
    assert (index[acts == 0] == 0).all()
    with torch.no_grad():
        wanted = theirs.encode(hidden)
    for line in range(len(hidden)):
        there = wanted.top_acts[line] > 0
        assert set(index[line][acts[line] > 0]) == set(wanted.top_indices[line][there].tolist())


def test_blocks_and_batches_change_nothing(hidden, monkeypatch):
    one = weights()
    whole = one.encode(hidden)
    monkeypatch.setattr("selection.encoders.sae.model.BLOCK", 64)
    cut = one.encode(hidden.numpy())
    np.testing.assert_array_equal(whole[1], cut[1])
    np.testing.assert_allclose(whole[0], cut[0], rtol=1e-6)


def test_fvu_is_what_is_left(hidden):
    assert made(k=2 * DIMS).fvu(torch.randn(50, DIMS)) == pytest.approx(0, abs=1e-10)
    one = weights()
    acts, index = one.encode(hidden)
    dense = torch.zeros(300, 96).scatter_add_(1, torch.from_numpy(index), torch.from_numpy(acts))
    left = hidden - (dense @ one.decoder + one.offset)
    assert one.fvu(hidden) == pytest.approx(float(left.pow(2).sum() / (hidden - hidden.mean(0)).pow(2).sum()), rel=1e-4)
    assert one.fvu(torch.ones(3, 24)) == float("inf")


def test_what_cannot_be_encoded_is_refused(hidden):
    with pytest.raises(EncoderError, match=r"24 numbers, not \(300, 20\).*model and layer"):
        weights().encode(hidden[:, :20])
    hidden[3, 3] = float("nan")
    with pytest.raises(EncoderError, match=r"not finite.*float32"):
        weights().encode(hidden)
    for k in (0, 97):
        with pytest.raises(EncoderError, match=f"keeps {k} of 96"):
            weights(k=k)


# --- files ---


def test_what_is_saved_is_read_again(tmp_path):
    one = made(model_identity="tiny-1", mean=np.arange(DIMS, dtype=np.float32), scale=2.5)
    files.save(one, tmp_path / "a", {"fvu": 0.2})
    found = files.read(tmp_path / "a")
    assert (found.k, found.layer, found.model, found.model_identity, found.scale) == (DIMS, 1, tiny(), "tiny-1", 2.5)
    assert found.mean.tolist() == list(range(DIMS))
    assert found.facts["fvu"] == 0.2
    assert torch.equal(found.weight, one.weight)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["cfg.json", "sae.safetensors", "winnow.json"]
    files.save(one, tmp_path / "b", {"fvu": 0.2})
    assert sae.identity(str(tmp_path / "a")) == sae.identity(str(tmp_path / "b")) == found.identity
    assert files.NAMED.fullmatch(found.identity)
    files.save(one, tmp_path / "b", {"fvu": 0.3})
    assert sae.identity(str(tmp_path / "b")) != found.identity


def test_where_it_lies(tmp_path, monkeypatch):
    for name in ("layers.3", "layers.5"):
        files.save(weights(), tmp_path / "two" / name)
        (tmp_path / "two" / name / files.OWN).unlink()
    with pytest.raises(EncoderError, match=r"several sparse autoencoders.*layers\.3, layers\.5"):
        sae.load(str(tmp_path / "two"))
    assert sae.load(str(tmp_path / "two" / "layers.5")).layer == 5
    files.save(weights(), tmp_path / "one" / "layers.3")
    assert sae.folder_of(str(tmp_path / "one")) == tmp_path / "one" / "layers.3"
    (tmp_path / "none").mkdir()
    with pytest.raises(EncoderError, match=r"holds no sparse autoencoder.*cfg\.json and sae\.safetensors"):
        sae.load(str(tmp_path / "none"))
    with pytest.raises(EncoderError, match="does not exist"):
        sae.load(str(tmp_path / "nowhere"))
    with pytest.raises(EncoderError, match="No sparse autoencoder is named"):
        sae.load("")
    monkeypatch.setattr(files, "resolver", None)
    with pytest.raises(EncoderError, match="Nothing here knows sae-0123456789ab"):
        sae.load("sae-0123456789ab")
    files.set_resolver(lambda name: tmp_path / "one")
    assert sae.folder_of("sae-0123456789ab") == tmp_path / "one" / "layers.3"


def test_the_hub_is_asked_for_one_hookpoint(tmp_path, monkeypatch):
    files.save(weights(), tmp_path / "layers.3")
    asked = []

    def snapshot(repo, **options):
        asked.append((repo, options["allow_patterns"]))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert sae.load("someone/saes:layers.3").layer == 3
    assert asked[0][0] == "someone/saes"
    assert set(asked[0][1]) == {f"layers.3/{n}" for n in (files.CONFIG, files.WEIGHTS, files.OWN, files.FOREIGN)}
    with pytest.raises(EncoderError, match="no hookpoint"):
        sae.load("someone/saes:../x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"k": 97}, "keeps 97 of 96"),
        ({"k": "7"}, "k = '7'.*whole number above 0"),
        ({"d_in": 20}, r"encoder\.weight in sae\.safetensors is \(96, 24\), and cfg\.json says \(96, 20\)"),
        ({"num_latents": None, "expansion_factor": None}, "expansion_factor = None"),
        ({"activation": "groupmax"}, "activation groupmax"),
    ],
)
def test_files_that_contradict_each_other(tmp_path, change, said):
    files.save(weights(), tmp_path)
    told = json.loads((tmp_path / files.CONFIG).read_text()) | change
    (tmp_path / files.CONFIG).write_text(json.dumps(told))
    with pytest.raises(EncoderError, match=said):
        sae.load(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cfg.json", b"{", r"cfg\.json is not JSON"),
        ("cfg.json", b"[]", "holds no object"),
        ("sae.safetensors", b"short", "cannot be read"),
        ("sae.safetensors", None, "is missing"),
    ],
)
def test_damaged_files(tmp_path, name, content, said):
    files.save(weights(), tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EncoderError, match=said):
        sae.load(str(tmp_path))


def test_only_the_residual_stream_has_a_layer():
    found = [files.hookpoint_layer(name) for name in ("layers.17", "model.layers.3", "layers.17.mlp", "embed")]
    assert found == [17, 3, None, None]


# --- sae-lens ---


def lens(folder, **changed):
    one = weights()
    config = {
        "architecture": "topk", "d_in": 24, "d_sae": 96, "k": 7, "normalize_activations": "none",
        "apply_b_dec_to_input": True, "metadata": {"model_name": "some-lm", "hook_name": "blocks.4.hook_resid_post"},
    } | changed  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "cfg.json").write_text(json.dumps(config))
    tensors = {"W_enc": one.weight.T.contiguous(), "b_enc": one.bias, "W_dec": one.decoder, "b_dec": one.offset}
    save_file(tensors, folder / files.FOREIGN)
    return one


def test_a_release_of_sae_lens(tmp_path, hidden):
    one = lens(tmp_path / "lens")
    found = sae.load(str(tmp_path / "lens"))
    assert (found.layer, found.facts["trained_on"]) == (5, "some-lm")
    np.testing.assert_array_equal(found.encode(hidden)[1], one.encode(hidden)[1])
    again = files.read(convert.convert(tmp_path / "lens", tmp_path / "ours"))
    np.testing.assert_array_equal(again.encode(hidden)[0], one.encode(hidden)[0])
    assert again.layer == 5


def test_features_scaled_by_the_decoder(tmp_path, hidden):
    one = lens(tmp_path, rescale_acts_by_decoder_norm=True, hook_name="blocks.4.hook_resid_pre", metadata={})
    found = files.read(tmp_path)
    assert found.layer == 4
    norm = one.decoder.norm(dim=1)
    before = ((hidden - one.offset) @ one.weight.T + one.bias).relu() * norm
    value, index = before.topk(7)
    np.testing.assert_allclose(found.encode(hidden)[0], value, rtol=1e-4)
    dense = torch.zeros(300, 96).scatter(1, index, value / norm[index])
    np.testing.assert_allclose(
        found.decode(*found.encode(hidden)), dense @ one.decoder + one.offset, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "jumprelu"}, "architecture jumprelu.*Only TopK"),
        ({"normalize_activations": "layer_norm"}, "normalised"),
        ({"k": None, "activation_fn_kwargs": {}}, "k = None"),
    ],
)
def test_other_releases_are_refused(tmp_path, change, said):
    lens(tmp_path, **change)
    with pytest.raises(EncoderError, match=said):
        files.read(tmp_path)
    lens(tmp_path)
    held = load_file(tmp_path / files.FOREIGN)
    del held["b_enc"]
    save_file(held, tmp_path / files.FOREIGN)
    with pytest.raises(EncoderError, match="lacks b_enc"):
        files.read(tmp_path)


# --- fit ---


@pytest.fixture(scope="module")
def lm():
    return causal.load(tiny(), "cpu", "float32")


def shifted(lm, layer):
    """An autoencoder that gives back the hidden states of one layer, and of no other: it knows only their directions."""
    states = torch.cat([hidden for _, hidden, _ in fit.tokens_of(lm, fit.sample()[:30], layer)])
    centre = states.mean(dim=0)
    _, _, axes = torch.linalg.svd(states - centre, full_matrices=False)
    axes = axes[: DIMS // 3]
    both = torch.cat([axes, -axes])
    return sae.TopKSAE(both, torch.zeros(len(both)), both, centre, len(both) // 2, layer=layer)


def test_first_tokens_and_padding_are_left_out(lm):
    texts = ["abcdef", "", "a", "xyz"]
    rows, counts, states = [], [], []
    for at, hidden, tokens in fit.tokens_of(lm, texts, 1):
        rows += at.tolist()
        counts += tokens.tolist()
        states.append(hidden)
    assert dict(zip(rows, counts, strict=True)) == {0: 5, 2: 0, 3: 2}
    ((_, alone, _),) = fit.tokens_of(lm, ["xyz"], 1)
    _, whole, _ = next(iter(lm.hidden(lm.tokens(["xyz"]), 1)))
    torch.testing.assert_close(alone, whole[0, 1:])
    assert len(torch.cat(states)) == 7


def test_massive_tokens_are_left_out_wherever_they_stand(lm, monkeypatch):
    """A state a hundred times as large as its row's others is no content; what is only large stays."""
    plain = causal.CausalLM.hidden

    def spiked(self, tokens, layer, **options):
        for rows, found, mask in plain(self, tokens, layer, **options):
            hidden = found.clone()
            hidden[:, 3] *= 100
            hidden[:, 4] *= 3
            yield rows, hidden, mask

    before = {tuple(line.tolist()) for _, hidden, _ in fit.tokens_of(lm, ["abcdefgh"], 2) for line in hidden}
    monkeypatch.setattr(causal.CausalLM, "hidden", spiked)
    ((_, found, counts),) = fit.tokens_of(lm, ["abcdefgh"], 2)
    assert counts.tolist() == [6]
    assert sum(tuple(line.tolist()) in before for line in found) == 5
    from selection.encoders.sae import train

    batch = next(train.activations(["abcdefgh"] * 8, lm, 2, batch=24))
    assert np.linalg.norm(batch, axis=1).max() < 10 * np.median(np.linalg.norm(batch, axis=1))


def test_the_better_of_two_layers_is_taken(lm):
    from dataclasses import replace

    right = fit.fit(made(model=""), lm, 2)
    assert right.fvu < 0.2
    one = shifted(lm, 3)
    measured = {
        layer: one.fvu(torch.cat([h for _, h, _ in fit.tokens_of(lm, fit.sample()[:30], layer)])) for layer in (2, 3)
    }
    assert measured[3] < measured[2]
    for said in (2, 3):
        found = fit.fit(replace(one, identity=f"shifted-{said}"), lm, said)
        assert found.layer == 3, "counted by what goes into a block, or by what comes out"


def test_what_does_not_fit_is_refused(lm, tmp_path):
    with pytest.raises(EncoderError, match=rf"24 numbers, and .* has {DIMS}.*model on which it was trained"):
        fit.fit(weights(), lm, 1)
    with pytest.raises(EncoderError, match=r"layer 9, and .* has 4"):
        fit.fit(made(), lm, 9)
    with pytest.raises(EncoderError, match="Nothing says which layer"):
        fit.fit(made(layer=None), lm)
    with pytest.raises(EncoderError, match=r"% of the variance of layer \d unexplained, and 50% is the most"):
        fit.fit(made(k=1, identity="poor"), lm, 1, ["other text", "and more"])


def test_rows_of_another_kind_are_measured_at_the_same_layer(lm, monkeypatch):
    """An autoencoder of a pool unlike the sample is used where it fits the target; which layer it reads does not change."""
    at = []

    def measured(coder, model, layer, texts):
        at.append((layer, len(texts)))
        return {True: 0.7, False: 0.3}[texts is fit.sample()] + layer / 100

    monkeypatch.setattr(fit, "_fvu", measured)
    assert fit.fit(made(identity="elsewhere"), lm, 1, ["one", "two"]) == fit.Fit(1, 0.31)
    assert at[-1] == (1, 2)
    with pytest.raises(EncoderError, match="71% of the variance"):
        fit.fit(made(identity="elsewhere"), lm, 1)


def test_the_layer_is_measured_once(lm, monkeypatch):
    fit.fit(made(identity="once"), lm)
    monkeypatch.setattr(fit, "tokens_of", None)
    fit.fit(made(identity="once"), lm)


def test_written_files_are_found_by_their_content(tmp_path):
    folder = write(tmp_path / "x")
    assert sae.load(str(folder)) is sae.load(str(folder))
