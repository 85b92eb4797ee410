"""The page that explains the API, and its OpenAPI schema. Made by the server from the operations themselves."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from config.http import page, see_other
from config.policy import public
from curation.api.samples import PREAMBLE

METHODS = ("get", "post", "put", "patch", "delete")


def schema_of(api: Any, prefix: str) -> dict[str, Any]:
    """OpenAPI 3.1, with the scope that each operation needs and the answer to errors."""
    from curation.api.schemas import ErrorAnswer

    schema = dict(api.get_openapi_schema(path_prefix=prefix.strip("/") + "/"))
    defs = ErrorAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["components"]["schemas"] |= defs.pop("$defs") | {"ErrorAnswer": defs}
    answer = {
        "description": "What went wrong, and what to do.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
    }
    scopes = scopes_of(api)
    for address in schema["paths"].values():
        for operation in address.values():
            operation["responses"]["default"] = answer
            operation["x-scope"] = scopes[operation["operationId"]]
    return schema


def scopes_of(api: Any) -> dict[str, str]:
    return {
        api.get_openapi_operation_id(operation): operation.auth_callbacks[0].scope.value
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }


def views(api: Any, prefix: str, samples: dict[str, str]) -> tuple[Any, Any, Any]:
    """The page, the schema, and what stands at the prefix itself."""
    kept: dict[str, Any] = {}

    def schema() -> dict[str, Any]:
        if not kept:
            kept.update(schema_of(api, prefix))
        return kept

    @public(reason="says how the API is used; holds no data")
    def openapi(request: HttpRequest) -> HttpResponse:
        return JsonResponse(schema(), json_dumps_params={"indent": 1})

    @public(reason="says how the API is used; holds no data")
    def docs(request: HttpRequest) -> HttpResponse:
        context = {"groups": groups(schema(), samples), "info": schema()["info"], "preamble": PREAMBLE}
        return page(request, "curation/api_docs.html", context)

    @public(reason="leads to the page that says how the API is used")
    def root(request: HttpRequest) -> HttpResponse:
        return see_other(f"{prefix}/docs")

    return docs, openapi, root


def groups(schema: dict[str, Any], samples: dict[str, str]) -> list[dict[str, Any]]:
    """The operations by tag, in the order in which the routers were added."""
    found: dict[str, list[dict[str, Any]]] = {}
    for address, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                found.setdefault(operation["tags"][0], []).append(shown(schema, method, address, operation, samples))
    return [{"title": tag, "id": tag.lower(), "operations": operations} for tag, operations in found.items()]


def shown(
    schema: dict[str, Any], method: str, address: str, operation: dict[str, Any], samples: dict[str, str]
) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    status, answer = next(
        (status, answer) for status, answer in operation["responses"].items() if status != "default"
    )  # fmt: skip
    answer_schema = answer.get("content", {}).get("application/json", {}).get("schema")
    parameters = [
        {"name": one["name"], "place": one["in"], "type": type_of(one["schema"]), "needed": one["required"],
         "says": plain(one)}
        for one in operation["parameters"]
    ]  # fmt: skip
    return {
        "id": operation["operationId"], "method": method.upper(), "address": address, "title": operation["summary"],
        "says": plain(operation), "scope": operation["x-scope"], "parameters": parameters,
        "body": fields(schema, body), "status": status, "answer": fields(schema, answer_schema),
        "sample": samples.get(operation["operationId"], ""),
    }  # fmt: skip


def fields(
    schema: dict[str, Any], part: dict[str, Any] | None, prefix: str = "", depth: int = 0
) -> list[dict[str, Any]]:
    """The fields of an object as flat lines, those of inner objects below them, three deep."""
    if part is None or depth > 2:
        return []
    part = resolved(schema, part)
    needed = set(part.get("required", []))
    lines = []
    for name, inner in part.get("properties", {}).items():
        place = f"{prefix}{name}"
        lines.append({"name": place, "type": type_of(inner), "needed": name in needed, "says": plain(inner)})
        deeper, many = inner_object(schema, inner)
        if deeper:
            lines += fields(schema, deeper, f"{place}[]." if many else f"{place}.", depth + 1)
    return lines


def plain(part: dict[str, Any]) -> str:
    """A description without its marks."""
    return " ".join(part.get("description", "").replace("`", "").split())


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        return schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[-1]]
    return part


def inner_object(schema: dict[str, Any], part: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """The object inside a field, and whether it holds many of them."""
    if "$ref" in part:
        return resolved(schema, part), False
    for choice in part.get("anyOf", []):
        if "$ref" in choice:
            return resolved(schema, choice), False
    if "$ref" in part.get("items", {}):
        return resolved(schema, part["items"]), True
    return None, False


def type_of(part: dict[str, Any]) -> str:
    """A type in words: text, whole number, list of objects, or null."""
    if "$ref" in part:
        return "object"
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(type_of(one) for one in part["anyOf"]))
    if "enum" in part:
        return " | ".join(str(one) for one in part["enum"])
    if "const" in part:
        return str(part["const"])
    kind = part.get("type", "any value")
    if kind == "array":
        return f"list of {type_of(part.get('items', {}))}"
    if kind == "string":
        return "time" if part.get("format") == "date-time" else "text"
    return {"integer": "whole number", "object": "object", "boolean": "true or false"}.get(kind, kind)
