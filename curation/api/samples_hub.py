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
}
