"""Attacks that change what a picture shows, not its pixels one by one."""
