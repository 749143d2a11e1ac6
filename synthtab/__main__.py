"""``python -m synthtab`` is the command line."""

import sys

from synthtab_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
