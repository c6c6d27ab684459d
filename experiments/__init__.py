"""One script per claim. `python -m experiments` lists them.

An experiment is a module whose docstring opens with its claim, with

    Options     a frozen dataclass: what can be chosen on the command line
    QUICK       options for a run of a few seconds
    run         run(options, out) -> Ledger: draws into the folder `out`, returns the numbers

A long one is a package of the same, with a file for each panel of its figure: see `_panels`.
"""
