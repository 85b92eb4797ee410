"""Rules of the look that a reader cannot see at a glance: safety of the markup, contrast, hues for colour-blind eyes."""

import itertools
import math
import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLE = (ROOT / "static/css/app.css").read_text("utf-8")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_templates_keep_to_the_content_policy(path):
    text = path.read_text("utf-8")
    assert not re.search(r"\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|<style|javascript:|\|safe\b|hx-on|hx-vals=.js", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"\{#[^#]*\n[^#]*#\}", text), "a comment over two lines would be shown on the page"
    # htmx 4 gives this attribute another meaning, so it stands in one place only.
    assert ("hx-disable" in re.sub(r"\{#.*?#\}", "", text)) == (path.name == "_pieces.html")


def test_the_style_guide_shows_every_component(rf):
    from django.contrib.auth.models import AnonymousUser

    from config.styleguide import context

    request = rf.get("/styleguide/")
    request.user = AnonymousUser()
    page = render_to_string("styleguide.html", context(), request=request)
    for mark in (
        'class="strip',
        'class="picks"',
        'class="dropzone"',
        "error-summary",
        'class="empty"',
        'class="ring"',
        "<desc>",
    ):
        assert mark in page
    assert "⟦RLO⟧" in page
    assert "localize" not in page


def oklch(lightness: float, chroma: float, hue: float) -> list[float]:
    """Linear sRGB, cut to its range (Björn Ottosson, "A perceptual color space for image processing")."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    l_ = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_,
        -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_,
        -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_,
    )
    return [min(1.0, max(0.0, part)) for part in linear]


def oklab(rgb: list[float]) -> tuple[float, ...]:
    red, green, blue = rgb
    l_ = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    m_ = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    s_ = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_,
        1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_,
        0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_,
    )


def tokens(theme: int) -> dict[str, list[float]]:
    """Colours of the light (0) or dark (1) theme, as linear sRGB."""
    found = re.findall(r"--([\w-]+): light-dark\(oklch\(([^)]*)\), oklch\(([^)]*)\)\);", STYLE)
    return {name: oklch(*map(float, pair[theme].split())) for name, *pair in found}


def contrast(one: list[float], other: list[float]) -> float:
    light, dark = sorted((0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] + 0.05 for c in (one, other)), reverse=True)
    return light / dark


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_its_ground(theme):
    colour = tokens(theme)
    for ink in ("ink", "ink-2", "ink-3", "leaf", "rust"):
        for ground in ("paper", "sheet"):
            assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)
    assert contrast(colour["sheet"], colour["leaf"]) >= 4.5  # words of the primary button


# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear sRGB.
EYES = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_eight_hues_stay_apart(theme, eyes):
    colour = tokens(theme)
    names = ["leaf", *(f"hue-{number}" for number in range(2, 9))]
    seen = {
        name: oklab(
            [min(1.0, max(0.0, sum(w * c for w, c in zip(row, colour[name], strict=True)))) for row in EYES[eyes]]
        )
        for name in names
    }
    apart = {pair: math.dist(seen[pair[0]], seen[pair[1]]) for pair in itertools.combinations(names, 2)}
    assert min(apart.values()) > 0.1, min(apart, key=apart.__getitem__)
