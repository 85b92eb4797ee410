"""Markdown that people of a team write (guidelines), as HTML. The one place where text becomes markup."""

from functools import lru_cache
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

SCHEMES = ("http://", "https://", "mailto:")
MAX_CHARS = 200_000


def render(text: str) -> SafeString:
    """CommonMark with tables. HTML in the text is shown as text, images as their words, links lead only to http, https and
    mail. Headings begin at the second level, so that they do not break the outline of the page.
    """
    # Safe because markdown-it escapes all text (html=False) and `_links` lets no other scheme through.
    return mark_safe(_parser().render(text[:MAX_CHARS]))  # noqa: S308


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = (
        MarkdownIt("commonmark", {"html": False, "linkify": False})
        .enable("table")
        .disable(["image", "html_block", "html_inline"])
    )
    parser.validateLink = lambda url: url.strip().lower().startswith(SCHEMES)  # type: ignore[method-assign]
    parser.core.ruler.push("outline", _outline)
    return parser


def _outline(state: Any) -> None:
    def walk(tokens: list[Token]) -> None:
        for token in tokens:
            if token.type in {"heading_open", "heading_close"}:
                token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
            if token.type == "link_open":
                token.attrSet("rel", "noopener noreferrer nofollow")
            if token.type in {"th_open", "td_open"}:
                token.attrs.pop("style", None)  # the content policy has no room for styles
            if token.children:
                walk(token.children)

    walk(state.tokens)
