"""`python -m workbench` is the `gabor` command."""

from workbench.command_line import main

main()
