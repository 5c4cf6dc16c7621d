"""Why an edit could not be made."""


class EditError(Exception):
    """The edit is not possible, or the kernel did not manage it; the message is a plain reason."""
