"""Tests of the library: editing, import and the style guide."""
