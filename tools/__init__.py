"""What a tool is, and the one gateway through which it is called."""
