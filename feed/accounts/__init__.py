"""Accounts of the desk: people, roles, and sign-in without passwords."""
