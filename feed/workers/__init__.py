"""Mail workers on any number of machines, through a Celery broker."""
