"""`python -m chat`: see chat/cli.py."""

from chat.cli import main

if __name__ == "__main__":
    main()
