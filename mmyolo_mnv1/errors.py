"""The one exception for bad input."""

PREFIX = "mmyolo-mnv1: "


class InputError(SystemExit, ValueError):
    """Bad input, told in one line that names the file, the field and the remedy.

    To a caller it is a :class:`ValueError`. Left uncaught it is a :class:`SystemExit`:
    any program built on this package, MMYOLO's own ``train.py`` under ``mim train``
    included, ends with that line on standard error and exit status 1, without a
    traceback.

    Args:
        message (str): One line without a trailing newline. Or what a data loader makes
            of the error of its worker: its traceback, which is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(PREFIX + message.rpartition(PREFIX)[2].strip())
