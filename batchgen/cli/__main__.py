"""`python -m batchgen.cli` is `batchgen`."""

import sys

from batchgen.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
