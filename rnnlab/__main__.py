"""`python -m rnnlab` is `rnnlab`."""

from rnnlab.cli.main import main

if __name__ == "__main__":
    main()
