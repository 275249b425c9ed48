"""What makes history tamper-evident: `chain.py`, hashes over events and commits; `merkle.py`, the trees of RFC 6962."""
