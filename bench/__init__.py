"""Measure Tchat beside its peers: `make bench`, or `make bench FULL=1` for the full table."""
