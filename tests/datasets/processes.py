"""Work in a process of its own, on the test's database and storage."""

import os
import subprocess
import sys
from urllib.parse import quote

from django.conf import settings


def process(code, *words, **env):
    """Runs the code after `django.setup()`, with `sys.argv[1:]` = words, and returns the ended process."""
    db = settings.DATABASES["default"]
    address = f"postgresql://{db['USER']}:{quote(db['PASSWORD'])}@{db['HOST']}:{db['PORT']}/{quote(db['NAME'])}"
    given = {
        "DATABASE_URL": address, "STORAGE_URL": str(settings.STORAGE_URL), "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}", *words], env=os.environ | given | env,
        cwd=settings.BASE_DIR, capture_output=True, check=False,
    )  # fmt: skip
