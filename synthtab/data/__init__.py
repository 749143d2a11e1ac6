"""A table as pandas holds it, and its codes and offsets: reading, checking, encoding."""
