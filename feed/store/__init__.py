"""The only place that knows there is SQLite: one module per group of tables.

Functions take the open database first and give values of `feed.model` back.
"""
