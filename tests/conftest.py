import shutil
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings

# A busy machine is no fault of the code under test.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")
SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


# What is dear to start is started by one process of the two: a site with a browser, a language model.
TOGETHER = {
    "tests/browser/": "browser",
    "tests/synthesis/test_local": "smollm2",
    "tests/synthesis/test_real_model": "smollm2",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return next((name for start, name in TOGETHER.items() if nodeid.startswith(start)), nodeid)

    return Together(config, log)


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying():
    """Tests that commit leave an empty database without a truncation of every table."""
    from django.test import TransactionTestCase

    from tests.emptying import teardown

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Sessions of threads that have ended live until they are collected; a database with sessions cannot be dropped."""
    from django.db import connection

    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
        )


@pytest.fixture
def cast(db):
    from tests.cast import make_cast

    return make_cast()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real instruction pools beside the checkout, where they are to be had."""
    if not (SHARED / "pool_20k.parquet").exists():
        pytest.skip("needs the real pools in ../shared/data, which are not part of the repository")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _storage_of_its_own():
    """Files that tests write lie in a folder of this test process and go with it."""
    root = Path(settings.STORAGE_URL)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    yield
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(autouse=True)
def _fast_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def as_(client, cast):
    """`as_("viewer")` is a client signed in as that person of the cast."""

    def sign_in(name: str):
        client.force_login(cast.by_role(name))
        return client

    return sign_in
