"""Rooms: what happens on each command, who is there, and what reaches them."""
