"""A row as people read it: its parts with their labels."""

from curation.content import Content, jsontext, render


def parts_of(content: Content) -> list[tuple[str, str]]:
    """(label, text) of what a content says; empty parts are left out, free text has no label."""
    if content.kind == "single" and not content.instruction and not content.outputs:
        return [("", render(content, "text"))]
    parts = [("System", content.system), ("Instruction", content.instruction), ("Input", content.input)]
    parts += [("Output", text) for text in content.outputs]
    for turn in content.messages:
        carried = [jsontext.dumps(dict(turn.extra))] if turn.extra else []  # tool calls are what was answered
        parts.append((turn.role.capitalize(), "\n".join(text for text in (turn.text, *carried) if text)))
    return [(label, text) for label, text in parts if text]
