"""`python -m config.services start | stop | status`."""

import sys

from config.services import ServiceError, ensure, status, stop


def main(words: list[str]) -> int:
    command = words[0] if len(words) == 1 else ""
    try:
        if command == "stop":
            names = stop()
            return _say(f"Stopped {' and '.join(names)}." if names else "Nothing was running.")
        if command == "start":
            ensure()
        elif command != "status":
            sys.stderr.write("usage: python -m config.services start | stop | status\n")
            return 2
        lines = [
            f"{name}: {'running on port ' + str(facts['port']) if facts['running'] else 'not running'}"
            for name, facts in status().items()
        ]
        return _say("\n".join(lines))
    except ServiceError as error:
        sys.stderr.write(f"winnow: {error}\n")
        return 1


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
