#!/usr/bin/env python
"""Winnow's command line: `python manage.py help` lists the commands."""

import sys

from config.boot import boot


def main() -> None:
    boot(services=needs_services(sys.argv))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def needs_services(argv: list[str]) -> bool:
    """Servers are started on demand; a command that only prints or collects files does not demand them."""
    command = argv[1] if len(argv) > 1 else "help"
    offline = {"help", "version", "--version", "--help", "collectstatic", "makemessages", "compilemessages"}
    return command not in offline and "--help" not in argv and "-h" not in argv


if __name__ == "__main__":
    main()
