"""The web application for a WSGI server: `gunicorn config.wsgi`."""

from config.boot import boot

boot()

from django.core.wsgi import get_wsgi_application  # noqa: E402  (the environment must be ready first)

application = get_wsgi_application()
