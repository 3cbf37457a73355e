"""The desk's database and the tools on it."""
