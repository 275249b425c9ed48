"""What `infra.postgres.embedded` is made of.

binaries.py   where the programs of the wheel lie
run_as.py     whom they run as (they refuse to be root)
place.py      the files under `--home`, and where the socket goes
cluster.py    the data directory: making it, setting it up, reasons not to use it
server_log.py what the server says, kept short and out of sight
locks.py      file locks: who starts, who uses, whether a server lives
"""
