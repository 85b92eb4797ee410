"""Encoders are loaded once; the static one is distilled in full for the machine's cache, as a worker would."""

import pytest
import torch

from selection.encoders import load
from selection.encoders.files import folder_of

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TEXTS = [
    "How do I get to the station?",
    "Write a function that adds two numbers.\n\ndef add(a, b):\n    return a + b",
    "",
    "Name the capital of France. Paris.",
    "  \n\t ",
    "The patient was treated with 40 mg of simvastatin daily. " * 30,
    "Überraschung: naïve café, 東京, 🙂",
    "x",
]


@pytest.fixture(scope="session")
def folder():
    return folder_of("minilm")


@pytest.fixture(scope="session")
def plain():
    """The sentence encoder in float32."""
    return load("minilm", DEVICE, precision="float32")


@pytest.fixture(scope="session")
def static():
    return load("static")
