"""`python -m millhand_server`: the same as the `millhand` command."""

from millhand_server.cli import main

if __name__ == "__main__":
    main()
