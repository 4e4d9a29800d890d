"""`python -m ganth` is the command `ganth`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
