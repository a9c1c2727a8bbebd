"""Sending: a letter as MIME, over SMTP or into the outbox folder, and what comes back."""
