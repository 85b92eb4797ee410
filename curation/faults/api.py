"""The words of what can go wrong between a program and the REST API."""

from config.faults import Text, register

register(
    {
        "api.no_token": Text(
            "No token that works", "{why}",
            "Send the header Authorization: Bearer wnt_… with a token from the page API tokens of your team.", status=401,
        ),
        "api.scope": Text(
            "The token may not do this", "This needs the scope {scope}; the token has {scopes}.",
            "Make a token with that scope on the page API tokens of your team.", status=403,
        ),
        "api.role": Text(
            "Your role does not allow this", "{why}", "Ask an owner of the team for another role.", status=403
        ),
        "api.not_found": Text(
            "There is nothing at this address", "{path} does not exist, or the token's team cannot see it.",
            "Check the id, and that the token belongs to the right team. /api/v1/docs lists every address.", status=404,
        ),
        "api.method": Text(
            "This address does not take {method}", "It answers to {allowed}.", "Use one of these methods.", status=405
        ),
        "api.invalid": Text("The request is not valid", "{what}", "{do}"),
        "api.not_json": Text(
            "The body is not JSON", "{why}", "Send one JSON object in UTF-8, with the header Content-Type: application/json."
        ),
        "api.too_large": Text(
            "The body is too large", "It has more than {limit}.",
            "Send fewer examples at once. Whole files go in by the page Import.", status=413,
        ),
        "api.key_reused": Text(
            "This Idempotency-Key belongs to another request", "The key {key} was used for a different request.",
            "Make a new key for each request, and repeat a key only to send the very same request again.",
        ),
        "api.bad_key": Text(
            "The Idempotency-Key cannot be used", "It must have 1 to 128 visible ASCII characters.",
            "Use a random one, such as a UUID.",
        ),
        "api.unexpected": Text(
            "Something went wrong here", "The request stopped at an error that is not yours. Nothing was changed.",
            "Try again. If it happens again, tell the people who run this installation the error id {error_id}.", status=500,
        ),
        "api.bad_cursor": Text(
            "This cursor cannot be used", "`after` is not what an earlier page gave as `next`.",
            "Pass `next` on as it came, or leave `after` out to begin again.",
        ),
    }
)  # fmt: skip
