"""The HTTP API: what the socket does, one request at a time, for programs."""
