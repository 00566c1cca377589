"""Bad input ends in one line on the terminal, never in a traceback."""

import sys


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one line: the file, what was found,
    what was expected.
    """


def run_main(main):
    """Call a script's `main()`: an InputError ends as one line and exit code 2, Ctrl-C as exit code
    130.
    """
    try:
        main()
    except InputError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept (see --resume)", file=sys.stderr)
        sys.exit(130)
