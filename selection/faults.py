"""The words of selection's faults."""

from config.faults import Text, register

register({})
__all__ = ["Text", "register"]
