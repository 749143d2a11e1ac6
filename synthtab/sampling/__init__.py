"""Rows from a trained model: orders, passes, conditions, and the choice among candidates."""
