"""Readers of other people's files: nothing in them is executed, every mistake is named."""
