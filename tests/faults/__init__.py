"""Faults made on purpose, as machines make them: `make faults`."""
