"""System checks: what is wrong with this installation, why, and which setting mends it."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.checks import Warning as Caution


@register(Tags.urls)
def every_view_has_a_policy(app_configs: Any, **kwargs: Any) -> list[Error]:
    from config.policy import every_url, policy_of

    return [
        Error(
            f"The view of /{route} does not say who may come in.",
            hint="Put @members or @public(reason=…) from config.policy on the view.",
            id="winnow.E001",
        )
        for route, pattern in every_url()
        if policy_of(pattern.callback) is None
    ]


@register(Tags.security)
def secret_key_is_own(app_configs: Any, **kwargs: Any) -> list[Error]:
    if settings.EMBEDDED or len(settings.SECRET_KEY) >= 32:
        return []
    return [
        Error(
            "SECRET_KEY is not set or is shorter than 32 characters.",
            hint="Set SECRET_KEY or SECRET_KEY_FILE to a long random text, for example from "
            "`python -c 'import secrets; print(secrets.token_urlsafe(48))'`.",
            id="winnow.E002",
        )
    ]


@register(Tags.security)
def keys_of_secrets_are_keys(app_configs: Any, **kwargs: Any) -> list[Error]:
    from config.crypto import wrong_keys

    return [
        Error(
            f"Key {place} of WINNOW_KEYS is not a key.",
            hint="A key is 32 random bytes in url-safe base64; `manage.py rotate_secrets --new-key` prints one. "
            "Separate several by commas, the newest first.",
            id="winnow.E005",
        )
        for place in wrong_keys(settings.WINNOW_KEYS)
    ]


@register(Tags.security, deploy=True)
def site_url_is_https(app_configs: Any, **kwargs: Any) -> list[Caution]:
    if settings.SITE_URL.startswith("https://"):
        return []
    return [
        Caution(
            f"SITE_URL is {settings.SITE_URL}: links in e-mails would lead there, and cookies travel in clear.",
            hint="Set SITE_URL to the https address under which people reach Winnow.",
            id="winnow.W003",
        )
    ]


@register()
def storage_is_writable(app_configs: Any, **kwargs: Any) -> list[Error]:
    if "://" in settings.STORAGE_URL:
        return []
    import os
    from pathlib import Path

    path = Path(settings.STORAGE_URL)
    probe = next(folder for folder in (path, *path.parents) if folder.exists())
    if os.access(probe, os.W_OK):
        return []
    return [
        Error(
            f"The storage folder {settings.STORAGE_URL} cannot be written.",
            hint="Set STORAGE_URL to a folder (or an fsspec URL such as s3://bucket/winnow) that this user may write.",
            id="winnow.E004",
        )
    ]
