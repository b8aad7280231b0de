"""The servers that Tchat is measured against, each a program of its own."""
