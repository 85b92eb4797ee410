"""A sample in Python for each operation on datasets, as in `curation.api.samples`."""

SAMPLES = {
    "list_datasets": """\
dataset = api.get("/datasets").raise_for_status().json()["items"][0]
print(dataset["name"], dataset["splits"]["shares"])""",
    "create_dataset": """\
made = api.post("/datasets", json={
    "name": "Letters for training",
    "recipe": {
        "sources": [{"kind": "task", "id": task["id"]}],
        "filters": {"min_chars": 10},
        "rows": 1000,
    },
    "splits": {"shares": {"train": 0.9, "test": 0.1}, "group": "prompt"},
}).raise_for_status().json()""",
    "preview_recipe": """\
seen = api.post("/datasets/preview", json={"recipe": made["recipe"]}).raise_for_status().json()
print(seen["rows"], "rows,", seen["tokens"], "tokens", seen["conflicts"])""",
    "get_dataset": """\
made = api.get(f"/datasets/{made['id']}").raise_for_status().json()""",
    "change_dataset": """\
made = api.patch(f"/datasets/{made['id']}", json={
    "revision": made["revision"],
    "description": "Letters that patients understand.",
}).raise_for_status().json()""",
    "delete_dataset": """\
api.delete(f"/datasets/{made['id']}").raise_for_status()""",
    "list_versions": """\
versions = api.get(f"/datasets/{dataset['id']}/versions").raise_for_status().json()["items"]
version = next(one for one in versions if one["state"] == "frozen")
place = f"/datasets/{dataset['id']}/versions/{version['number']}\"""",
    "freeze_version": """\
started = api.post(f"/datasets/{dataset['id']}/versions", json={"changelog": "More letters."}).raise_for_status().json()
print(started["number"], started["state"])  # ask again until it is frozen""",
    "get_version": """\
version = api.get(place).raise_for_status().json()
print(version["sha256"], version["counts"]["split"], version["leakage"]["exact"])""",
    "describe_version": """\
api.patch(place, json={"tags": ["v1-paper"]}).raise_for_status()""",
    "restore_version": """\
again = api.post(f"{place}/restore").raise_for_status().json()""",
    "list_version_rows": """\
for row in api.get(f"{place}/rows", params={"limit": 5}).raise_for_status().json()["items"]:
    print(row["key"], row["split"], row["licence"])""",
    "get_version_row": """\
found = api.get(f"{place}/row", params={"key": row["key"]}).raise_for_status().json()
for step in found["steps"]:
    print(step["what"], step["text"])""",
    "compare_versions": """\
changes = api.get(
    f"/datasets/{dataset['id']}/versions/{again['number']}/diff/{version['number']}"
).raise_for_status().json()["items"]""",
    "find_versions": """\
for one in api.get("/lineage", params={"key": row["key"]}).raise_for_status().json():
    print(one["name"], one["version"], one["split"])""",
    "export_version": """\
export = api.post(f"{place}/exports", json={"format": "messages"}).raise_for_status().json()""",
    "get_export": """\
export = api.get(f"{place}/exports/messages").raise_for_status().json()
print(export["state"], export["rows"])""",
    "download_export": """\
zipped = api.get(f"{place}/exports/messages/file").raise_for_status().content""",
    "delete_version": """\
api.delete(f"/datasets/{dataset['id']}/versions/{again['number']}").raise_for_status()""",
    "list_collections": """\
collection = api.get("/collections").raise_for_status().json()["items"][0]""",
    "get_collection": """\
collection = api.get(f"/collections/{collection['id']}").raise_for_status().json()
print(collection["name"], collection["rows"])""",
    "delete_collection": """\
api.delete(f"/collections/{collection['id']}").raise_for_status()""",
}
