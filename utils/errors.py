"""What a user is told: a note, or one line for bad input, never a traceback."""

import os
import sys


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line: the file, what was found, what was expected.
    """


def note(text):
    """Tell the user something on the way; the output itself stays free of it."""
    print(f"note: {text}", file=sys.stderr)


def run_main(main):
    """Call a script's `main()`, and end its process as a terminal expects.

    An InputError becomes one line and exit code 2. Ctrl-C gives exit code 130. An output that
    nobody reads any more, as in `demo.py | head`, gives exit code 1.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may lack the letters of a file's name
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        kept = "what was finished is kept; where a script has --resume, it goes on from there"
        print(f"interrupted; {kept}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit(1)
