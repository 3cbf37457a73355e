"""The clinic's diary and the tools on it."""
