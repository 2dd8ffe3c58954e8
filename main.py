"""Start SegStudio from a checkout: without arguments the window, otherwise the command line."""

import sys

from segstudio.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
