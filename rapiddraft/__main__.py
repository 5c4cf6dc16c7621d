"""`python -m rapiddraft`, the same as the command `rapiddraft`."""

from rapiddraft.cli import main

main()
