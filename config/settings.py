"""Settings. One file; the environment decides (see `.env.example` and docs/reference/settings.md)."""

import base64
import os
import secrets
import warnings
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(env.text("WINNOW_VAR", str(BASE_DIR / "var")))
VERSION = "0.1.0"

# --- where it runs -----------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG")
EMBEDDED = env.flag("WINNOW_EMBEDDED")
SITE_URL = env.text("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [SITE_URL] if SITE_URL.startswith("https://") else [])
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True
LANGUAGE_CODE = "en-gb"
USE_I18N = True
USE_THOUSAND_SEPARATOR = False


def embedded_secret(name: str, new: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
    """The secret of an installation that nobody configured: made once, readable by its owner alone."""
    path = VAR / "secret" / name
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(new(), "utf-8")
    draft.chmod(0o600)
    try:
        os.link(draft, path)  # the first of several processes wins; a rename would let the last one win
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text("utf-8")


SECRET_KEY = env.text("SECRET_KEY")
if not SECRET_KEY:
    if not EMBEDDED and env.text("DATABASE_URL"):
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. With servers of your own, set SECRET_KEY or SECRET_KEY_FILE to a long random text."
        )
    SECRET_KEY = embedded_secret("django_secret_key") if EMBEDDED else "no-database-no-secret"
# Secrets at rest are sealed under these (config.crypto): the first seals, all of them unseal.
WINNOW_KEYS = env.words("WINNOW_KEYS")
if not WINNOW_KEYS:
    if not EMBEDDED and env.text("DATABASE_URL"):
        raise ImproperlyConfigured(
            "WINNOW_KEYS is not set. With servers of your own, set WINNOW_KEYS or WINNOW_KEYS_FILE to 32 random bytes "
            "in url-safe base64, for example from `openssl rand -base64 32 | tr +/ -_`."
        )
    if EMBEDDED:
        WINNOW_KEYS = [
            embedded_secret("winnow_keys", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        ]

# --- servers -----------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL")}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"] |= {
    "application_name": "winnow",
    # A small pool per process: a web thread or a heartbeat takes a connection without a new handshake.
    "pool": {"min_size": 0, "max_size": env.number("DATABASE_POOL", 12, least=2), "timeout": 15},
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["TEST"] = {"NAME": env.text("TEST_DATABASE") or None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
BROKER_URL = env.text("BROKER_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": BROKER_URL or "redis://broker-url-is-not-set.invalid",
        "KEY_PREFIX": "winnow",
        # A cache that hangs must not hold a page: whoever uses it does without.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# --- files -------------------------------------------------------------------------------------------------
STORAGE_URL = env.text("STORAGE_URL", str(VAR / "storage"))
UPLOAD_MAX_BYTES = env.number("UPLOAD_MAX_BYTES", 4 << 30, least=1 << 10)
HUB_MAX_BYTES = env.number("HUB_MAX_BYTES", 20 << 30, least=1 << 10)
UPLOAD_MAX_ROWS = env.number("UPLOAD_MAX_ROWS", 20_000_000, least=1)
FIELD_MAX_CHARS = env.number("FIELD_MAX_CHARS", 1_000_000, least=1_000)
SHARD_ROWS = env.number("SHARD_ROWS", 50_000, least=100)
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 << 20
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20
FILE_UPLOAD_PERMISSIONS = 0o600
MEDIA_ROOT = VAR / "media"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Files are served from where they lie when nobody ran collectstatic (a clone, a demo); collected ones are hashed.
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "staticfiles.json").exists()
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS
if WHITENOISE_USE_FINDERS:
    warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)
else:
    STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}

# --- background work ---------------------------------------------------------------------------------------
JOBS_LEASE_SECONDS = env.number("JOBS_LEASE_SECONDS", 60, least=1)
API_READS_PER_MINUTE = env.number("API_READS_PER_MINUTE", 600)
API_WRITES_PER_MINUTE = env.number("API_WRITES_PER_MINUTE", 120)
OUTBOUND_ALLOW = env.words("OUTBOUND_ALLOW")
HF_ENDPOINT = env.text("HF_ENDPOINT", "https://huggingface.co").rstrip("/")

# --- applications ------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "jobs",
    "curation",
    "selection",
    "config.apps.ConfigApp",
    "allauth",
    "allauth.account",
    "django_htmx",
    "ninja",
    "template_partials",
    "csp",
    "whitenoise.runserver_nostatic",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.faults.FaultMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "curation.context.frame",
            ],
        },
    }
]

# --- people ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "curation.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "curation.adapter.InvitationAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "curation.forms.accounts.SignupNameForm"
ACCOUNT_EMAIL_VERIFICATION = "none"  # the invitation link already reached the person
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,20/d/key"}
EMAIL_BACKEND = env.choice(
    "EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend",
    [f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "smtp", "locmem", "filebased")],
)  # fmt: skip
EMAIL_FILE_PATH = VAR / "mail"
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25, least=1, most=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Winnow <winnow@localhost>")

# --- safety ------------------------------------------------------------------------------------------------
HTTPS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", 0)
if env.flag("BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- logs: one line an event, never the text of an example -------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])},
    "loggers": {
        "django.utils.autoreload": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
    },
}
