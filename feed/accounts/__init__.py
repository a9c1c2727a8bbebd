"""Accounts of the desk: people, roles, sign-in, passwords and second factors."""
