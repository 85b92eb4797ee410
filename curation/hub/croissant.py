"""Croissant metadata of an export (https://docs.mlcommons.org/croissant/docs/croissant-spec.html, version 1.0). Pure."""

import json
from collections.abc import Mapping
from typing import Any

from curation.hub.escaping import flat
from curation.hub.facts import Facts
from curation.hub.features import Layout, Shape, Split
from curation.hub.licensing import of_hub

Json = dict[str, Any]
CONTEXT: Json = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract",
    "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references",
    "samplingRate": "cr:samplingRate", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip
ENCODINGS = {
    "jsonl": "application/jsonlines", "json": "application/json", "csv": "text/csv", "parquet": "application/x-parquet",
}  # fmt: skip
TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean"}


def croissant(facts: Facts, layout: Layout, sizes: Mapping[str, tuple[int, str]]) -> str:
    """croissant.json. `sizes`: (bytes, sha256) of each data file."""
    files = [name for split in layout.splits for name in split.files]
    made: Json = {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": flat(facts.name, 120), "description": flat(facts.description, 2_000) or flat(facts.name, 120),
        "version": f"{facts.number}.0.0", "datePublished": facts.day, "isLiveDataset": False, "keywords": ["winnow"],
        "license": _licences(facts), "citeAs": f"{flat(facts.name, 120)}, version {facts.number}, sha256 {facts.sha256}",
        "distribution": [_file(name, layout.suffix, *sizes[name]) for name in files],
        "recordSet": [_records(split, layout) for split in layout.splits] if _tabular(layout) else [],
    }  # fmt: skip
    languages = sorted(name for name in facts.counts.get("language") or {} if name)
    if languages:
        made["inLanguage"] = languages
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _licences(facts: Facts) -> list[str] | str:
    found = []
    for name in sorted(facts.licences):
        word = of_hub(name)
        known = word not in ("unknown", "other")
        found.append(
            f"https://spdx.org/licenses/{flat(name, 100)}"
            if known and " " not in name
            else flat(name, 100) or "unknown"
        )
    return found[0] if len(found) == 1 else found or "unknown"


def _file(name: str, suffix: str, size: int, sha256: str) -> Json:
    return {
        "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "contentSize": f"{size} B",
        "encodingFormat": ENCODINGS[suffix], "sha256": sha256,
    }  # fmt: skip


def _tabular(layout: Layout) -> bool:
    """Natural Instructions are trees, one a task: their files are named, their fields are not."""
    return bool(layout.features) and layout.suffix != "json"


def _records(split: Split, layout: Layout) -> Json:
    file = split.files[0]
    # A field that no row of the split has stops readers.
    there = {
        name: shape for name, shape in (layout.features or {}).items()
        if _plain(shape) and (split.columns is None or name in split.columns)
    }  # fmt: skip
    return {
        "@type": "cr:RecordSet", "@id": split.name, "name": split.name, "description": f"The rows of the split {split.name}.",
        "field": [_field(split.name, name, shape, file) for name, shape in there.items()],
    }  # fmt: skip


def _plain(shape: Shape) -> bool:
    """Whether Croissant can say it: a value, a list of values, an object or a list of objects with values."""
    inner = shape[1] if isinstance(shape, tuple) else shape
    return isinstance(inner, str) or (
        isinstance(inner, Mapping) and any(isinstance(one, str) for one in inner.values())
    )


def _field(split: str, name: str, shape: Shape, file: str) -> Json:
    """One column. Of a list of objects, such as messages, their plain fields; what lies deeper is left to the file."""
    made: Json = {"@type": "cr:Field", "@id": f"{split}/{name}", "name": name}
    source: Json = {"fileObject": {"@id": file}, "extract": {"column": name}}
    if isinstance(shape, tuple):
        made["repeated"] = True
        shape = shape[1]
    if isinstance(shape, str):
        return made | {"dataType": TYPES[shape], "source": source}
    made["subField"] = [
        {
            "@type": "cr:Field", "@id": f"{split}/{name}/{part}", "name": part, "dataType": TYPES[inner],
            "source": source | {"transform": {"jsonPath": part}},
        }
        for part, inner in (shape.items() if isinstance(shape, Mapping) else ())
        if isinstance(inner, str)
    ]  # fmt: skip
    return made
