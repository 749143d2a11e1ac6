"""What all other packages share: errors, files, randomness, progress, layout, schema."""
