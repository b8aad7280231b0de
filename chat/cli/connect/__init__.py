"""`tchat connect`: a room in the terminal, with Textual."""
