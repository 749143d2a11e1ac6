"""What the rows tell about the people in the training table: copies and attacks."""
