"""The clinic's graphs."""
