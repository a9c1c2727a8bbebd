"""Fault injection, as it happens on real machines: `make faults`."""
