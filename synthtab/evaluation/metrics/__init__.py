"""What is measured, one file a family: how the rows look, and what they are good for."""
