"""Subscribers of the digests: sign-up, consent, preferences, statistics."""
