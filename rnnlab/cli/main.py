"""The command line: one file a command; here they come together, and every error becomes a sentence and a code.

| exit code | meaning |
|---|---|
| 0 | everything asked for is done (a diverged run is done) |
| 1 | some run failed; or no run is as was asked for |
| 2 | usage or config error, or a fault in code of your own |
| 70 | a fault of rnnlab itself; the traceback goes to a file that the message names |
| 75 | another process holds the lock |
| 130, 143 | stopped by SIGINT, SIGTERM, with everything finished so far kept |
"""

from __future__ import annotations

import io
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from rnnlab.cli import (
    best,
    check,
    critical,
    diff,
    doctor,
    explain,
    explore,
    export,
    graph,
    init,
    keeping,
    labs,
    ls,
    measure,
    plot,
    show,
    sweep,
    tag,
    text,
    train,
    validate,
    verify,
)
from rnnlab.cli.backend import BACKEND
from rnnlab.cli.recorded import recorded_command
from rnnlab.cli.signals import STOP
from rnnlab.cli.text import PlainStream
from rnnlab.errors import UserError
from rnnlab.extensions import LOADER, ExtensionError, fault_of
from rnnlab.studies.places import stand_somewhere

_FAULT = 70

_UsageError: Any = typer.BadParameter.__base__
"""What all that is wrong with a command line is raised as; typer has no name of its own for it."""

app = typer.Typer(
    name="rnnlab",
    help="Train small recurrent networks and see how gradients flow through them.",
    no_args_is_help=True,
    add_completion=False,
    # Plain help: rich's boxes cost a quarter of the time in which --help must answer.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
First steps:
  rnnlab init                              the configs that come with rnnlab
  rnnlab init vanishing                    copy one here
  rnnlab train vanishing.yaml              make a run under runs/
  rnnlab train vanishing.yaml seed=1       another one: any key of the config
  rnnlab ls                                what there is
  rnnlab show runs/vanishing               the study: its ranges, its best run
  rnnlab show runs/vanishing/seed=1        gradients and losses of a run
""",
)
for module in (
    train,
    sweep,
    ls,
    show,
    best,
    diff,
    plot,
    explain,
    critical,
    measure,
    explore,
    export,
    tag,
    keeping,
    verify,
    validate,
    init,
    graph,
    check,
    labs,
    doctor,
):
    module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"rnnlab {version('rnnlab')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold what stands before the command."""


def main() -> NoReturn:
    """Run the command line and exit."""
    STOP.listen(signal.SIGINT, signal.SIGTERM)
    stand_somewhere()
    _mend_streams()
    BACKEND.set_aside()
    try:
        code = app(prog_name="rnnlab", standalone_mode=False)  # so that typer prints nothing past `text.tell`
    except SystemExit as error:  # typer makes one of a pipe that nobody reads any more, which is no failure
        code = 0 if isinstance(error.__context__, BrokenPipeError) else error.code
    except BaseException as error:  # every way out ends in a code; faults of our own are kept in a file
        code = _report(error)
    _leave(code)


def _mend_streams() -> None:
    """Let every command print without a thought for closed streams and for letters that they cannot show."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (open to the end)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not isinstance(sys.stdout, PlainStream):
        sys.stdout = PlainStream(sys.stdout)  # results are plain text, whatever stands in files and names


def _leave(code: int | str | None) -> NoReturn:
    """Exit; output that nobody reads any more (`rnnlab ls | head`) is no error."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        code = code or (_report(error) if isinstance(error, OSError) else 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(STOP.exit_code if STOP.signal is not None and code in {1, 130} else code)


def _report(error: BaseException) -> int:
    """Say what happened, in a sentence, and give the exit code."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return 130
    if isinstance(error, BrokenPipeError):
        return 0
    error = _person_s(error) or error
    told = _sentence(error)
    if told is None:
        text.tell(f"rnnlab: a fault of rnnlab itself ({type(error).__name__}); {_keep_traceback(error)}")
        return _FAULT
    text.tell(told)
    return int(error.exit_code) if isinstance(error, UserError | _UsageError) else 1


def _person_s(error: BaseException) -> ExtensionError | None:
    """Give the sentence for a fault in code of the person's own; None where there is no such code, or it is another's.

    Where none of its lines took part, what it has given to rnnlab may yet be at fault.
    """
    if isinstance(error, UserError | _UsageError) or _is_memory(error):
        return None
    fault = fault_of(error)
    if fault or not LOADER.used or _sentence(error) is not None:
        return fault
    names = ", ".join(source.where for source in LOADER.used)
    what = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return ExtensionError(f"{names}: with this code rnnlab failed ({what}); {_keep_traceback(error)}")


def _sentence(error: BaseException) -> str | None:
    """Give the sentence for what is no fault of rnnlab."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, _UsageError):
        shown = io.StringIO()
        error.show(file=shown)
        return shown.getvalue().rstrip("\n")
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        goes_on = sys.argv[1:2] in (["train"], ["sweep"])
        kept = "; nothing finished is lost, and the same command goes on" if goes_on else ""
        return f"rnnlab: {where}{error.strerror or error}{kept}"
    if isinstance(error, UnicodeEncodeError):
        return "rnnlab: a name here cannot be written in this locale; set LC_ALL=C.UTF-8 or PYTHONUTF8=1"
    return _sentence_of_words(error, str(error))


def _sentence_of_words(error: BaseException, said: str) -> str | None:
    """Give the sentence for what is told from other errors of its kind by its words alone."""
    if isinstance(error, RuntimeError) and "Symlink loop" in said:  # of pathlib, until Python 3.13
        return f"rnnlab: {said.rpartition('from ')[2]}: a link that leads back to itself"
    if _is_memory(error):
        return "rnnlab: there is not enough memory for this; choose smaller sizes (rnnlab doctor says what there is)"
    return None


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error)


def _keep_traceback(error: BaseException) -> str:
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="rnnlab-fault-", suffix=".txt", delete=False, encoding="utf-8"
        ) as stream:
            stream.write(recorded_command() + "\n")
            traceback.print_exception(error, file=stream)
        return f"the details are in {stream.name}"
    except OSError as reason:
        return f"the details could not be kept: {reason.strerror}"
