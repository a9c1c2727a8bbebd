"""Sending digests and notices, and what mail servers answer."""
