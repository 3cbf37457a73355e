"""Who answers: one governed door to every chat and embedding model."""
