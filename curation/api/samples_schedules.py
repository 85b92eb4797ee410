"""A sample in Python for each operation on schedules, as in `curation.api.samples`."""

SAMPLES = {
    "list_schedules": """\
schedule = api.get("/schedules").raise_for_status().json()["items"][0]
print(schedule["name"], schedule["next_at"])""",
    "get_schedule": """\
schedule = api.get(f"/schedules/{schedule['id']}").raise_for_status().json()""",
    "pause_schedule": """\
api.post(f"/schedules/{schedule['id']}/pause").raise_for_status()""",
    "resume_schedule": """\
schedule = api.post(f"/schedules/{schedule['id']}/resume").raise_for_status().json()
print(schedule["paused"])""",
    "run_schedule": """\
firing = api.post(f"/schedules/{schedule['id']}/run").raise_for_status().json()
print(firing["state"])""",
    "list_firings": """\
for firing in api.get(f"/schedules/{schedule['id']}/firings").raise_for_status().json()["items"]:
    print(firing["due_at"], firing["state"], [one["title"] for one in firing["made"]], firing["error"])""",
}
