"""What the pipeline costs, measured: `make bench`. No part of the installed command line."""
