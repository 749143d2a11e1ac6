"""What computers offer: memory, cores, devices, precision, several processes."""
