"""What is measured, a file a question: how rows look, and what they are good for."""
