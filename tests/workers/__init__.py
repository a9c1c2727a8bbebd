"""Mail workers behind a broker."""
