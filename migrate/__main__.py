"""`python -m migrate` is `chat-migrate`."""

from migrate.cli import main

if __name__ == "__main__":
    main()
