"""Holds command lines, as JSON on standard input, against the parser of the Azure CLI of this Python. None is run."""
import contextlib
import io
import json
import sys

from azure.cli.core import get_default_cli
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS


class Parsed(BaseException):
    """Ends an invocation after its arguments were taken. The CLI handles every Exception itself."""


def stop(_cli, **_):
    raise Parsed


refused = False
for line in json.load(sys.stdin):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            cli = get_default_cli()
            cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, stop)
            cli.invoke(line)
    except Parsed:
        continue
    except SystemExit:
        pass
    refused = True
    print("az", " ".join(line), "\n   ", said.getvalue().strip()[:300])
sys.exit(refused)
