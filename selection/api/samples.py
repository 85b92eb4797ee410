"""A sample in Python for each operation on pools and runs, as in `curation.api.samples`."""

SAMPLES = {
    "list_pools": """\
pool = api.get("/pools").raise_for_status().json()["items"][0]""",
    "get_pool": """\
pool = api.get(f"/pools/{pool['id']}").raise_for_status().json()
print(pool["name"], "has", pool["rows"], "rows")""",
    "list_pool_rows": """\
rows = api.get(f"/pools/{pool['id']}/rows", params={"limit": 5}).raise_for_status().json()["items"]""",
    "start_run": """\
started = api.post("/runs", json={
    "pool": pool["id"],
    "method": "random",
    "budget": "5",
    "seed": 7,
}).raise_for_status().json()""",
    "list_runs": """\
finished = api.get("/runs", params={"state": "succeeded"}).raise_for_status().json()["items"]""",
    "get_run": """\
run = api.get(f"/runs/{finished[0]['id']}").raise_for_status().json()""",
    "cancel_run": """\
api.post(f"/runs/{started['id']}/cancel").raise_for_status()""",
    "list_picks": """\
for pick in api.get(f"/runs/{run['id']}/picks").raise_for_status().json()["items"]:
    print(pick["rank"], pick["key"], pick["score"])""",
    "order_queue": """\
api.post(f"/tasks/{task['id']}/order", json={"order": "random"}).raise_for_status()""",
    "get_order": """\
order = api.get(f"/tasks/{task['id']}/order").raise_for_status().json()
print(order["order"], order["state"], order["arrived"], "came since")""",
    "undo_order": """\
api.delete(f"/tasks/{task['id']}/order").raise_for_status()""",
    "send_picks": """\
sent = api.post(f"/runs/{run['id']}/send", json={"task": task["id"], "top": 3}).raise_for_status().json()
print(sent["added"], "picks are examples now")""",
    "train_sae": """\
trained = api.post("/saes", json={
    "name": "Features of the pool",
    "pool": pool["id"],
    "tokens": 400_000,
}).raise_for_status().json()""",
    "list_saes": """\
passed = [one for one in api.get("/saes").raise_for_status().json()["items"] if one["state"] == "passed"]""",
    "get_sae": """\
sae = api.get(f"/saes/{trained['id']}").raise_for_status().json()
print(sae["state"], sae["why"])""",
    "collect_picks": """\
kept = api.post(f"/runs/{run['id']}/collect", json={"name": "Picks of June", "licence": "CC-BY-4.0"}).raise_for_status().json()
print(kept["state"])  # queued: a job copies the rows""",
}
