"""Tests of the editions: publishing, rotation, and the agreement of all formats."""
