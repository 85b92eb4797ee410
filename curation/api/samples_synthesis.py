"""A sample in Python for each operation on model endpoints and generations, as in `curation.api.samples`."""

SAMPLES = {
    "list_endpoints": """\
for endpoint in api.get("/endpoints").raise_for_status().json()["items"]:
    print(endpoint["name"], endpoint["model"], endpoint["price_out"], endpoint["currency"])""",
    "list_generations": """\
generation = api.get("/generations").raise_for_status().json()["items"][0]
print(generation["generator"], generation["state"], generation["kept"], "of", generation["wanted"])""",
    "get_generation": """\
generation = api.get(f"/generations/{generation['id']}").raise_for_status().json()
print(generation["spent"], generation["currency"], generation["errors"])""",
    "cancel_generation": """\
api.post(f"/generations/{generation['id']}/cancel").raise_for_status()""",
}
