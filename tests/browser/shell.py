"""`manage.py shell -c` without a start of Django for every call: one process that runs what it is sent.

python -m tests.browser.shell       # a JSON string a line in; a JSON object a line out, with `out` or `error`
"""

import contextlib
import io
import json
import subprocess
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Shell:
    """The process, seen from the tests."""

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.shell"], cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def run(self, code: str) -> str:
        """What the code prints. Raises `AssertionError` with its traceback."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the shell ended"}')
        assert "error" not in answer, answer["error"]
        return answer["out"]

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(20)


def main() -> None:
    from config.boot import boot

    boot(services=False)
    import django

    django.setup()
    from django.core.management.commands.shell import Command

    names = Command().get_namespace(verbosity=0)
    for line in sys.stdin:
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                exec(json.loads(line), dict(names))  # noqa: S102  (the tests' own code)
            answer = {"out": said.getvalue()}
        except BaseException:
            answer = {"error": said.getvalue() + traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
