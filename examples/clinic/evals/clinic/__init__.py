"""The clinic's evaluation."""
