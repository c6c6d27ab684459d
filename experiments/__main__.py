"""`python -m experiments` lists the claims; `python -m experiments NAME --out DIR` tests one."""

import os
import sys

from experiments._compile import keep_programs

if __name__ == "__main__":
    keep_programs()  # ahead of JAX and equinox, which read what it sets
    from experiments._command import INTERRUPTED, main

    code = main(sys.argv[1:])
    if code == INTERRUPTED:  # at once: an orderly end waits for all that still runs in threads
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
