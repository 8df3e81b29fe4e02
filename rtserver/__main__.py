"""``python -m rtserver``: the same as the command ``rtserver``."""

import sys

from rtserver.service.cli import main

if __name__ == "__main__":
    sys.exit(main())
