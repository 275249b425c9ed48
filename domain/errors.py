"""Every error that Hindsight raises on purpose: fields, and one sentence built from them.

HindsightError            root
├─ Refused                a rule said no: an answer, not a failure
├─ InvalidInput           a user's file, argument or setting can't be used
├─ VersionConflict        somebody else wrote this stream
├─ Fenced                 another process owns the store now: stop
├─ Unavailable            the database or the exchange does not answer
├─ ExchangeRejected       the exchange said no
├─ WireError              the outside sent something that we can't read
└─ CorruptHistory         stored facts contradict the code: stop everything
"""


class HindsightError(Exception):
    """The root. `str(error)` is one sentence for a user."""


class Refused(HindsightError):
    """A rule said no. `code` is stable and upper case, `facts` are the numbers that it rested on."""

    def __init__(self, code: str, **facts: object) -> None:
        self.code = code
        self.facts = facts
        detail = ", ".join(f"{name}={value}" for name, value in facts.items())
        super().__init__(f"{code} ({detail})" if detail else code)


class InvalidInput(HindsightError):
    """Something that the user gave can't be used: where it stands, what was expected, what was found, what to do."""

    def __init__(self, where: str, expected: str, found: str, hint: str = "") -> None:
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint
        super().__init__(f"{where}: expected {expected}, found {found}." + (f" {hint}" if hint else ""))


class VersionConflict(HindsightError):
    """Somebody else wrote version `version` of `stream` first."""

    def __init__(self, stream: str, version: int) -> None:
        self.stream = stream
        self.version = version
        super().__init__(f"{stream} already has a version {version}: another writer was here.")


class Fenced(HindsightError):
    """Another process owns the store. `owner` names it (host, pid, since when)."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        super().__init__(f"This store is owned by {owner}. Stop that one first, or choose another --home or --store.")


class Unavailable(HindsightError):
    """`what` does not answer. `retry_after_ms` is set where waiting helps."""

    def __init__(self, what: str, detail: str = "", retry_after_ms: int | None = None) -> None:
        self.what = what
        self.detail = detail
        self.retry_after_ms = retry_after_ms
        super().__init__(f"{what} is not available" + (f": {detail}" if detail else "."))


class ExchangeRejected(HindsightError):
    """The exchange said no, with its own code and text."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f"The exchange rejected the request: {text} ({code}).")


class WireError(HindsightError):
    """The outside sent something that we can't read: `what` is wrong, and `where` it stands."""

    def __init__(self, what: str, where: str) -> None:
        self.what = what
        self.where = where
        super().__init__(f"{what} - at {where}")


class CorruptHistory(HindsightError):
    """Stored facts contradict the code at place `seq` of the total order. Nothing may go on."""

    def __init__(self, seq: int, why: str) -> None:
        self.seq = seq
        self.why = why
        super().__init__(
            f"The history is damaged at seq {seq}: {why}. Run `python run.py verify` and restore a backup."
        )
