"""What every response of the site passes through."""
