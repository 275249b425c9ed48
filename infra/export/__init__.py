"""The audit bundle: a range of history as files that an auditor can read, and check without us.

bundle.py     makes it, in the order of its files; `unfinished.py` keeps what an interruption leaves
source.py     history as it is stored ─▶ lines.py  JSONL, the leaves of the Merkle tree ─▶ recording.py
                                      └▶ columns.py, event_tables.py  Parquet, one table a kind of event
lifecycle.py  operator.py  statement.py  dictionary.py     what an auditor asks for first
verifier.py   checks a bundle; the same file lies in each bundle as `verify.py`
"""
