"""The command line: one module a group of commands, `app.py` puts them together, `output.py` prints.

Data goes to standard output, everything else to standard error. Exit codes: 0 ok, 1 findings, 2 could not run.
"""
