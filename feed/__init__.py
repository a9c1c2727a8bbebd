"""Devis: one leadership principle a day, published everywhere its readers already look."""

__version__ = "1.0.0"
