"""Licences as the hub spells them."""

import re

# https://huggingface.co/docs/hub/repositories-licenses
KNOWN = frozenset(
    """apache-2.0 mit openrail bigscience-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause
    bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0
    eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl
    osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl""".split()  # noqa: SIM905  (words are read more easily)
)
_OTHER_NAMES = {
    "cc0": "cc0-1.0", "apache 2.0": "apache-2.0", "apache2": "apache-2.0", "odc-by-1.0": "odc-by", "odbl-1.0": "odbl",
    "pddl-1.0": "pddl", "public domain": "cc0-1.0",
}  # fmt: skip


def of_hub(name: str) -> str:
    """The hub's word for a licence; `unknown` where none is named, `other` for one that the hub does not know."""
    low = " ".join(name.lower().split())
    if low in ("", "unknown", "none", "n/a"):
        return "unknown"
    low = re.sub(r"-(only|or-later)$", "", low)
    for one in (low, low.replace(" ", "-"), low.removesuffix("-license")):
        if one in KNOWN:
            return one
    return _OTHER_NAMES.get(low, "other")


def named(names: list[str]) -> dict[str, str | list[str]]:
    """The fields of a card: `license`, and `license_name` for what the hub does not know."""
    found = list(dict.fromkeys(of_hub(name) for name in names)) or ["unknown"]
    fields: dict[str, str | list[str]] = {"license": found[0] if len(found) == 1 else found}
    others = [re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")[:60] for name in names if of_hub(name) == "other"]
    if others:
        fields["license_name"] = "-and-".join(one for one in others if one)[:96] or "other"
    return fields
