"""History in PostgreSQL: the server, the recorder, the journal and its chain, and reading it back.

- `embedded.py`, `server/`: a server from a wheel; `server_facts.py` what it promises
- `recorder.py`: the `eventsourcing` recorder on binary COPY; `commit.py`, `tables.py`, `migrations/`: the chain
- `journal.py` (writer, backlog, lease): steps become durable; `reader.py`, `tape.py`: and are read back
- `runs.py`, `commands.py`, `views.py`, `verify.py`: runs, the operator's door, read models, verification
- `prune.py`, `checkpoints.py`: what may be dropped, and when
"""
