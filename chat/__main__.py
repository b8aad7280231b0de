"""`python -m chat`: see chat/cli/."""

from chat.cli import main

if __name__ == "__main__":
    main()
