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
    "dct": "http://purl.org/dc/terms/", "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract",
    "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
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
        "license": _licences(facts),
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
    return {
        "@type": "cr:RecordSet", "@id": split.name, "name": split.name, "description": f"The rows of the split {split.name}.",
        "field": [_field(split.name, name, shape, file) for name, shape in (layout.features or {}).items()],
    }  # fmt: skip


def _field(split: str, name: str, shape: Shape, file: str) -> Json:
    made: Json = {
        "@type": "cr:Field", "@id": f"{split}/{name}", "name": name,
        "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
    }  # fmt: skip
    if isinstance(shape, tuple):
        made["repeated"] = True
        shape = shape[1]
    # What is nested is handed on as it stands: a message has fields that not every row has.
    made["dataType"] = TYPES.get(shape, "sc:Text") if isinstance(shape, str) else "sc:Text"
    return made
