"""WebSockets: bytes in, bytes out, never waiting for a peer."""
