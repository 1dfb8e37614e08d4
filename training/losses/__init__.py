"""What a token network is trained by: a target, and one term a file for what is asked of it."""
