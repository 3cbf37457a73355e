"""The desk's neighbours: systems of their own, each in its own process with its own key."""
