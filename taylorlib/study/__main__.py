"""``python -m taylorlib.study``."""

import sys

from taylorlib.study.command import main

if __name__ == "__main__":
    sys.exit(main())
