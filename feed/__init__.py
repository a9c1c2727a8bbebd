"""Devis: one leadership principle a day, published everywhere its readers already look."""

from importlib.metadata import version

__version__ = version("devis")
