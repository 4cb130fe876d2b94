"""Why a command refuses, with what would help."""


class ScaffoldError(Exception):
    """Nothing was written; `hint` says what to do instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
