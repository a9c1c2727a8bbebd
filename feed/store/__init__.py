"""Storage: all SQL of the product, one module per group of tables.

Functions take the open database as their first argument and return values of `feed.model`.
"""
