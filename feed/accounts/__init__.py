"""Who may do what at the desk: people, roles and signing in."""
