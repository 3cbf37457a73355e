"""The desk's agents, prompts and seams."""
