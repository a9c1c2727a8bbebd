"""Database set-up, and the processes of an installation."""
