"""A sample in Python for each operation on pushes, as in `curation.api.samples`."""

SAMPLES = {
    "push_version": """\
pushed = api.post(f"{place}/push", json={
    "repo": "ward/letters",
    "format": "messages",
}).raise_for_status().json()
print(pushed["state"])  # ask again until it is pushed""",
    "list_pushes": """\
pushed = api.get(f"{place}/pushes").raise_for_status().json()["items"][0]""",
    "get_push": """\
pushed = api.get(f"/pushes/{pushed['id']}").raise_for_status().json()
print(pushed["commit"], pushed["tag"], pushed["error"])""",
    "make_pool_from_hub": """\
coming = api.post("/pools/from-hub", json={
    "dataset": "ward/letters",
    "split": "train",
}).raise_for_status().json()""",
    "add_rows_from_hub": """\
api.post(f"/pools/{pool['id']}/from-hub", json={
    "dataset": "ward/letters",
    "mapping": {"instruction": "question", "output": "answer"},
}).raise_for_status()""",
    "fetch_examples": """\
api.post(f"/tasks/{task['id']}/examples/from-hub", json={
    "dataset": "ward/letters",
    "outputs_as": "suggestion",
}).raise_for_status()""",
    "get_hub_import": """\
coming = api.get(f"/hub-imports/{coming['id']}").raise_for_status().json()
print(coming["state"], coming["commit"], coming["licence"], coming["rows"])""",
}
