"""docs/reference/api.md, written from the operations themselves (`manage.py api_reference`)."""

from typing import Any

from curation.api.docs import groups
from curation.api.samples import PREAMBLE
from curation.models import Scope

HEAD = """\
# The API

Written by `manage.py api_reference` from the operations themselves; a test runs every sample below, in this order,
against a server. How to begin: [use the API](../how-to/use-the-api.md). The same stands at `/api/v1/docs` of an
installation, and `/api/v1/openapi.json` is its schema for tools.

Requests and answers are JSON. Each request carries `Authorization: Bearer wnt_…`. A token acts as the person who made
it, in one team, with the role that the person has today, limited to its scopes:

| scope | what it allows |
| --- | --- |
{scopes}

- **Pages.** A list gives `{{"items": […], "next": …}}`. Send `next` as `after` until it is null. Nothing comes twice
  and nothing is left out, also when rows are added meanwhile.
- **Sent twice, done once.** A write may carry the header `Idempotency-Key` (1 to 128 visible ASCII characters). The
  same request with the same key changes nothing and gets the same answer, with the header `Idempotent-Replay: true`,
  for seven days. A different request with that key is refused with 422. Answers that are errors are not kept: nothing
  was changed, so the request can be sent again.
- **Versions.** A change names the `version`, `revision` or `number` that it changes. If somebody changed it
  meanwhile, the answer is 409 and nothing was changed.
- **Errors.** `{{"error": {{"code", "title", "what", "do"}}}}`, with `place` (such as `rows[3].content.input`) where a
  value is wrong, and `problems` where several are. [All codes](errors.md). 401: the token does not work. 403: its
  scope or your role does not allow this. 404: it does not exist, or the token's team cannot see it. 413: the body has
  more than 8 MB. 422: a value is wrong; unknown fields and parameters are refused by name.
- **Rates.** A token may send {reads} reading and {writes} writing requests a minute ([settings](settings.md)); then
  the answer is 429, and `Retry-After` says how many seconds to wait.

The samples need `pip install httpx` and begin with:

```python
{preamble}
```
"""


def markdown(schema: dict[str, Any], samples: dict[str, str]) -> str:
    scopes = "\n".join(f"| `{scope.value}` | {scope.says} |" for scope in Scope)
    head = HEAD.format(scopes=scopes, preamble=PREAMBLE, reads=600, writes=120)
    found = {group["title"]: group["operations"] for group in groups(schema, samples)}
    order = list(samples)
    parts = [head]
    for title, operations in found.items():
        parts.append(f"## {title}\n")
        parts += [_operation(one) for one in sorted(operations, key=lambda one: order.index(one["id"]))]
    return "\n".join(parts)


def _operation(one: dict[str, Any]) -> str:
    lines = [f"### {one['title']}", "", f"`{one['method']} {one['address']}` · scope `{one['scope']}`", ""]
    if one["says"]:
        lines += [" ".join(one["says"].split()), ""]
    for title, fields in (("Parameters", one["parameters"]), ("Body", one["body"])):
        if fields:
            lines += [f"{title}: " + "; ".join(_field(field) for field in fields) + ".", ""]
    return "\n".join([*lines, "```python", one["sample"], "```", ""])


def _field(field: dict[str, Any]) -> str:
    kind = field["type"] + (", needed" if field["needed"] else "")
    says = f": {field['says'].rstrip('.')}" if field["says"] else ""
    return f"`{field['name']}` ({kind}){says}"
