"""Rows from a trained model: orders, passes, regions, the choice of candidates."""
