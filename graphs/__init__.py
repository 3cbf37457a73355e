"""The orchestration patterns, one builder a file."""
