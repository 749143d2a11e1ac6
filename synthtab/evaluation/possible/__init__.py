"""Which rows are possible: relations that real rows hold, found and counted."""
