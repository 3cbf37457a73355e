"""Campaigns: many runs are broken on purpose, in every way that we know, and judged by what they left."""
