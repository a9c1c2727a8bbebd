"""Middleware of the site: page cache, conditional requests, security headers, request ids, rate
limits, metrics, and the gateway between server and application.
"""
