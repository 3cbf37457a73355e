"""What is kept: checkpoints and documents."""
