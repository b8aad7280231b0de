"""Names: nicks, rooms, and the keys that prove members."""

NAME_LIMIT = 32  # characters of a nick or of a room's name
