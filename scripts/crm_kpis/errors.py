"""The one error that the user can mend."""


class InputError(Exception):
    """A mistake in what the user gave: an option, a directory or a file.

    Its message is shown as it stands, without a traceback, so it names the file, the column or the value
    that is wrong and says what to do about it.
    """
