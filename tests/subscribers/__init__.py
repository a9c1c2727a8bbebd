"""Subscribing, changing and leaving."""
