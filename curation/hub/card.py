"""The dataset card of a version: README.md with the hub's YAML at its head. Pure: facts and files in, text out.

Fields: https://huggingface.co/docs/hub/datasets-cards. All texts of people go through `curation.hub.escaping`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from curation.hub import features as shapes
from curation.hub.escaping import code, fenced, flat, line, prose
from curation.hub.facts import TEXTS, Facts, Json
from curation.hub.features import Layout
from curation.hub.licensing import named, of_hub

SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"),
)  # fmt: skip
NOTES = {"rejected": "rejected, as undesirable", "repaired": "answers before and after a repair"}
SHOWN = 40  # lines of a table
PARAMS = 1_500  # characters of the settings of a run


def readme(facts: Facts, layout: Layout) -> str:
    """The whole file."""
    return f"---\n{_dumped(head_of(facts, layout))}---\n\n{body(facts, layout)}"


def body(facts: Facts, layout: Layout) -> str:
    """What people read, without the YAML."""
    parts = [
        f"# {line(facts.name)}\n", _opening(facts), _texts(facts, ("intended_use",)),
        *_composition(facts), _splits(facts, layout), _texts(facts, ("known_gaps", "notes")), _again(facts, layout),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


# --- YAML ---


def size_of(rows: int) -> str:
    return next((name for limit, name in SIZES if rows < limit), "n>1T" if rows >= 10**12 else "1B<n<10B")


def head_of(facts: Facts, layout: Layout) -> Json:
    """The fields at the head of the card."""
    head: Json = {"pretty_name": flat(facts.name, 120)}
    head |= named(sorted(facts.licences))
    languages = sorted(code for code in facts.counts.get("language") or {} if 2 <= len(code) <= 3 and code.isascii() and code.isalpha() and code.islower() and code != "und")  # fmt: skip  # noqa: E501
    if languages:
        head["language"] = languages
    head["size_categories"] = [size_of(facts.rows)]
    if layout.format != "csv":
        head["task_categories"] = ["text-generation"]
    head["tags"] = ["winnow", *(["preference"] if layout.format in ("preference", "kto") else [])]
    if layout.splits:
        files = [{"split": one.name, "path": _paths(one)} for one in layout.splits]
        config: Json = {"config_name": "default", "data_files": files}
        if layout.inside:
            config["field"] = layout.inside
        head |= {"dataset_info": _info(layout), "configs": [config]}
    return head


def _paths(split: shapes.Split) -> str | list[str]:
    return split.files[0] if len(split.files) == 1 else list(split.files)


def _info(layout: Layout) -> Json:
    info: Json = {"config_name": "default"}
    if layout.features is not None:
        info["features"] = shapes.to_yaml(layout.features)
    size = sum(one.bytes for one in layout.splits)
    info["splits"] = [{"name": one.name, "num_bytes": one.bytes, "num_examples": one.rows} for one in layout.splits]
    return info | {"download_size": size, "dataset_size": size}


def _dumped(head: Mapping[str, Any]) -> str:
    from huggingface_hub.utils import yaml_dump

    return str(yaml_dump(dict(head), sort_keys=False))


# --- text ---


def _opening(facts: Facts) -> str:
    said = [prose(facts.description)] if facts.description.strip() else []
    said.append(
        f"Version {facts.number}, frozen {facts.day}: {facts.rows:,} rows, sha256 `{facts.sha256}`. "
        "`run.json` holds what made it, `provenance.parquet` where each row came from."
    )
    if facts.changelog.strip():
        said += ["**What is new:**", prose(facts.changelog)]
    return "\n\n".join(said) + "\n"


def _texts(facts: Facts, wanted: Sequence[str]) -> str:
    made = []
    for name, title, missing in TEXTS:
        text = facts.texts.get(name, "").strip()
        if name in wanted and (text or missing):
            made.append(f"## {title}\n\n{prose(text) if text else missing}\n")
    return "\n".join(made)


def _composition(facts: Facts) -> Iterable[str]:
    yield "## Composition\n"
    yield _sources(facts)
    yield _licences(facts)
    yield _tasks(facts)
    yield _selection(facts)
    yield _models(facts)
    yield _people(facts)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    out = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    out += [f"| {' | '.join(row)} |" for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        out.append(f"| and {len(rows) - SHOWN:,} more |{' |' * (len(heads) - 1)}")
    return "\n".join(out) + "\n"


def _sources(facts: Facts) -> str:
    rows = []
    for one in facts.manifest.get("sources") or []:
        counts = one.get("counts") or {}
        note = NOTES.get(one.get("state", ""), "")
        rows.append([
            line(one.get("name", "")), str(one.get("kind", "")) + (f" ({note})" if note else ""),
            _count(counts.get("kept", counts.get("out"))), line(one.get("licence", "")) or "not named",
        ])  # fmt: skip
    said = "### Made of\n\n" + _table(("source", "kind", "rows", "licence"), rows) if rows else ""
    names = facts.counts.get("source") or {}
    if len(names) > 1 or "" not in names:
        said += "\n### Sources that the rows name\n\n" + _table(
            ("source", "rows"), [[line(name) or "none", f"{n:,}"] for name, n in _most(names)]
        )
    tags = facts.counts.get("tag") or {}
    if tags:
        listed = ", ".join(f"{line(name)} ({n:,})" for name, n in _most(tags)[:SHOWN])
        said += f"\nTags: {listed}.\n"
    return said


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _licences(facts: Facts) -> str:
    rows = []
    for name, n in _most(facts.licences):
        word = of_hub(name)
        rows.append([line(name) or "none named", f"{n:,}", "" if word in ("unknown", "other") else code(word)])
    said = "### Licences\n\n" + _table(("licence", "rows", "as the hub spells it"), rows)
    for one in facts.conflicts:
        said += f"\n> {'⚠️ ' if one.level == 'warning' else ''}{line(one.text, 1_000)}\n"
    return said


def _tasks(facts: Facts) -> str:
    made = []
    for one in facts.sources:
        if one.get("kind") != "task":
            continue
        about = [f"**{line(one.get('name', ''))}**"]
        if one.get("category"):
            about.append(line(one["category"]))
        if one.get("task_version"):
            about.append(f"version {one['task_version']}")
        if one.get("guidelines"):
            about.append(f"guidelines {one['guidelines']}")
        made.append(", ".join(about) + ".\n")
        if str(one.get("definition") or "").strip():
            made.append(fenced(str(one["definition"])[:4_000]) + "\n")
    return "### Tasks\n\n" + "\n".join(made) if made else ""


def _selection(facts: Facts) -> str:
    rows, picked = [], facts.counts.get("run") or {}
    for run in facts.manifest.get("runs") or []:
        name = f"{run['number']}" if "number" in run else f"{run.get('run', '')}"
        if run.get("gone"):
            rows.append([name, "deleted", "", "", _count(picked.get(str(run.get("run"))))])
            continue
        settings = json.dumps(run.get("params") or {}, ensure_ascii=False, sort_keys=True)
        budget = run.get("budget")
        said = f"{settings} budget {budget if isinstance(budget, str | int | float) else json.dumps(budget)}"
        rows.append([
            name, f"{code(run.get('method', ''))} {line(run.get('method_version') or '')}".strip(),
            line(run.get("pool", "")), f"{code(said, PARAMS)}, seed {line(run.get('seed', ''))}",
            _count(picked.get(str(run.get("run")))),
        ])  # fmt: skip
    if not rows:
        return ""
    return "### Selected from pools\n\n" + _table(("run", "method", "pool", "settings", "rows here"), rows)


def _models(facts: Facts) -> str:
    written = facts.counts.get("generation") or {}
    rows = []
    for one in facts.manifest.get("generations") or []:
        hashes = ", ".join(code(sha, 12) for sha in (one.get("templates") or {}).values() if sha)
        rows.append([
            code(one.get("model", "")), line(one.get("generator", "")), hashes, line(one.get("seed", "")),
            _count(written.get(str(one.get("generation")))),
        ])  # fmt: skip
    if not rows:
        return "### Language models\n\nNo row is known to be written by a language model here.\n"
    table = _table(("model", "generator", "prompts (sha256)", "seed", "rows here"), rows)
    return f"### Language models that wrote text\n\n{table}\nTerms of use of a model may bind what is made with it.\n"


def _people(facts: Facts) -> str:
    said, counts = [], facts.counts
    if facts.people:
        answered = _rows(counts.get("annotated", 0))
        some = "One person" if facts.people == 1 else f"{facts.people:,} people"
        said.append(f"{some} answered in these tasks; {answered} here hold an answer of a person.")
    if counts.get("agreement") is not None:
        rated = _rows(counts.get("rated", 0))
        said.append(
            f"Mean agreement of the answers to one example: {counts['agreement']:.3f} (percent / 100, {rated})."
        )
    if not said:
        said.append("No row is known to hold an answer that a person gave in Winnow.")
    return f"### People\n\n{' '.join(said)} Nobody is named in these files.\n"


def _rows(count: Any) -> str:
    return "1 row" if count == 1 else f"{count or 0:,} rows"


def _splits(facts: Facts, layout: Layout) -> str:
    rows = [[line(one.name), f"{one.rows:,}", ", ".join(code(name) for name in one.files[:5])] for one in layout.splits]
    if not rows:
        return ""
    leakage = facts.manifest.get("leakage") or {}
    group = (facts.manifest.get("splits") or {}).get("group", "prompt")
    said = f"## Splits\n\n{_table(('split', 'rows', 'files'), rows)}\nA row's split follows from a hash"
    said += ", and no later version changes it" if group == "row" else f" of its {line(group)}, and no later version changes it. Rows of one {line(group)} are in one split, unless they came together by an edit after their splits were fixed"  # fmt: skip  # noqa: E501
    if len(rows) > 1 and leakage:
        said += (
            f". {_rows(leakage.get('exact', 0))} stand word for word in two splits, {leakage.get('near', 0):,} nearly "
            f"(at least {100 * float(leakage.get('threshold', 0.8)):.0f} % of their word 3-grams)"
        )
    if torn := leakage.get("torn"):
        said += f". {'1 group lies' if torn == 1 else f'{torn:,} groups lie'} in two splits or more since such an edit"
    if layout.unfit:
        said += f". {_rows(layout.unfit)} of the version do not fit this format; `run.json` says why"
    return said + ".\n"


def _again(facts: Facts, layout: Layout) -> str:
    given = flat(facts.name, 120)
    quoted = "'" + given.replace("'", "'\\''") + f"@{facts.number}'"
    command = f"manage.py export {quoted} --format {layout.format} --out folder/"
    recipe = json.dumps(_said(facts.manifest.get("recipe") or {}), indent=2, ensure_ascii=False, sort_keys=True)
    steps = (
        "The same version gives the same data and provenance on every machine; this card follows the dataset's texts:",
        fenced(command, "sh"),
        "The recipe that the version was frozen from (sources, filters, mixing, seed):",
        fenced(recipe[:20_000], "json"),
        "`run.json` has the rest: tasks, runs, generations, prompts' hashes, seeds, counts, and the sha256 of every file.",
    )
    return "## How to reproduce\n\n" + "\n\n".join(steps) + "\n"


def _said(value: Any) -> Any:
    """Without what is not set."""
    if isinstance(value, Mapping):
        return {name: found for name, one in value.items() if (found := _said(one)) not in (None, "", [], {})}
    return [_said(one) for one in value] if isinstance(value, list) else value
