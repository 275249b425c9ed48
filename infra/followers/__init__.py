"""How read models follow the journal, exactly once: the one mechanism for every projection and every store.

Reader ──events──▶ Folding ──changed rows and the new place, in one transaction──▶ Views ──▶ report

views.py     what a store of rows must do (`Views`), and where a view stands (`Place`)
memory.py    the same in memory; PostgreSQL's is `infra/postgres/views.py`
folding.py   one projection on its way through history, batch by batch
rebuild.py   built anew beside the live rows, compared, swapped in
follower.py  all projections together: catch up, follow, report
"""
