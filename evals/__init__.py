"""What a system must achieve, judged by the world afterwards."""
