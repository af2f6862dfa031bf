"""Elliot's configuration files, read as ours: ``vrbench elliot FILE.yml``."""
