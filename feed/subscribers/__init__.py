"""The audience of the digests and its consent."""
