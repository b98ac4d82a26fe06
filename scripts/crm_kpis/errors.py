"""The error for mistakes that the user can fix."""


class InputError(Exception):
    """A mistake in what the user gave: an option, a directory or a file.

    Its message is shown as it is, without a traceback, so it names the file, the column or the value
    that is wrong and says what to do about it.
    """


class MachineError(InputError):
    """What the machine refused: the disk is full, a directory may not be written, memory does not suffice."""


def first_line(message: str) -> str:
    """The first line of an error's message without its full stop: the rest is of use to developers alone."""
    return message.strip().split("\n", maxsplit=1)[0].rstrip(".!")
