"""The vocabulary that all other packages share: errors, randomness, progress, layout, schema, config."""
