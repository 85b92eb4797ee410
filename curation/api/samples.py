"""A sample in Python for each operation. They stand on the page of the API and in docs/reference/api.md, and tests run
them in this order: a later one uses what an earlier one made.
"""

PREAMBLE = """\
import os

import httpx

api = httpx.Client(
    base_url=os.environ["WINNOW_URL"] + "/api/v1",
    headers={"Authorization": "Bearer " + os.environ["WINNOW_TOKEN"]},
    timeout=30,
)"""

SAMPLES = {
    "who_am_i": """\
me = api.get("/me").raise_for_status().json()
print(me["user"], "is", me["role"], "of", me["team"])""",
    "create_task": """\
task = api.post("/tasks", json={
    "name": "Plain-language letters",
    "definition": "Rewrite the letter so that the patient understands it.",
    "form": [{"name": "output", "kind": "text", "title": "The letter"}],
}).raise_for_status().json()""",
    "list_tasks": """\
for one in api.get("/tasks", params={"limit": 100}).raise_for_status().json()["items"]:
    print(one["id"], one["name"])""",
    "get_task": """\
task = api.get(f"/tasks/{task['id']}").raise_for_status().json()""",
    "change_task": """\
task = api.patch(f"/tasks/{task['id']}", json={
    "version": task["version"],
    "avoid": "Do not leave out what the patient has to do.",
}).raise_for_status().json()""",
    "get_guidelines": """\
guidelines = api.get(f"/tasks/{task['id']}/guidelines").raise_for_status().json()""",
    "write_guidelines": """\
guidelines = api.put(f"/tasks/{task['id']}/guidelines", json={
    "number": guidelines["number"],
    "text": "Short sentences. Explain each term once.",
    "note": "First version",
}).raise_for_status().json()""",
    "add_many": """\
letters = ["Dear Dr Hall, the scan was normal.", "Dear Dr Hall, please stop the aspirin.", "Dear Dr Hall, all is well."]
added = api.post(
    f"/tasks/{task['id']}/examples",
    json={"rows": [
        {"key": f"letter-{number}", "source": "clinic",
         "content": {"instruction": "Rewrite the letter.", "input": letter}}
        for number, letter in enumerate(letters)
    ]},
    headers={"Idempotency-Key": "letters-of-monday"},  # sent twice, they are added once
).raise_for_status().json()
print(added["added"], "new,", added["known"], "known")""",
    "list_examples": """\
after = None
while True:
    params = {"state": "open", "limit": 2} | ({"after": after} if after else {})
    page = api.get(f"/tasks/{task['id']}/examples", params=params).raise_for_status().json()
    for example in page["items"]:
        print(example["key"], example["state"])
    if (after := page["next"]) is None:
        break""",
    "get_example": """\
example = api.get(f"/examples/{added['ids'][0]}").raise_for_status().json()""",
    "change_example": """\
example = api.patch(f"/examples/{example['id']}", json={
    "revision": example["revision"],
    "content": example["content"] | {"input": "Dear Dr Hall, the scan of Monday was normal."},
}).raise_for_status().json()""",
    "delete_example": """\
example = api.delete(f"/examples/{example['id']}").raise_for_status().json()""",
    "restore_example": """\
example = api.post(f"/examples/{example['id']}/restore").raise_for_status().json()""",
    "example_history": """\
history = api.get(f"/examples/{example['id']}/history").raise_for_status().json()
for event in history["events"]:
    print(event["at"], event["by"], event["kind"])""",
    "next_annotation": """\
mine = api.post(f"/tasks/{task['id']}/annotations/next").raise_for_status().json()["annotation"]
print(mine["content"]["input"])""",
    "save_annotation": """\
mine = api.put(f"/annotations/{mine['id']}", json={
    "version": mine["version"],
    "answer": {"output": "Your scan"},
}).raise_for_status().json()""",
    "get_annotation": """\
mine = api.get(f"/annotations/{mine['id']}").raise_for_status().json()""",
    "submit_annotation": """\
done = api.post(f"/annotations/{mine['id']}/submit", json={
    "version": mine["version"],
    "answer": {"output": "Your scan shows nothing to worry about."},
}).raise_for_status().json()
print("late" if done["late"] else "counted")""",
    "skip_annotation": """\
other = api.post(f"/tasks/{task['id']}/annotations/next").raise_for_status().json()["annotation"]
api.post(f"/annotations/{other['id']}/skip", json={"reason": "Not a letter"}).raise_for_status()""",
    "list_annotations": """\
page = api.get("/annotations", params={"task": task["id"], "state": "submitted"}).raise_for_status().json()""",
    "list_reviews": """\
waiting = api.get(f"/tasks/{task['id']}/reviews").raise_for_status().json()["items"]
first = waiting[0]["annotations"][0]""",
    "return_annotation": """\
api.post(f"/annotations/{first['id']}/return", json={"feedback": "Say who to call."}).raise_for_status()
again = api.post(f"/tasks/{task['id']}/annotations/next").raise_for_status().json()["annotation"]
api.post(f"/annotations/{again['id']}/submit", json={
    "version": again["version"],
    "answer": {"output": "Your scan shows nothing to worry about. Questions? Call the ward."},
}).raise_for_status()""",
    "accept_example": """\
accepted = api.post(f"/examples/{again['example']}/accept", json={
    "annotation": again["id"],
}).raise_for_status().json()
print(accepted["state"], accepted["answer"])""",
    "reject_example": """\
rejected = api.post(f"/examples/{added['ids'][2]}/reject", json={"why": "Says nothing"}).raise_for_status().json()""",
}
