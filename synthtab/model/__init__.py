"""Networks on codes and offsets, their losses, and the training loop. Never imports pandas."""
