"""What follows from what between the columns of a row, and the search for it."""
