"""What is asked over HTTP: the `/ws` route, the pages, and what machines ask."""
