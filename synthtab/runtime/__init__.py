"""What the machine offers: memory, cores, devices, precision, and processes that train together."""
