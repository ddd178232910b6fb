"""`treasury-gateway`: the command line of both programs."""

from adapters.folder.standard_streams import hold_standard_streams
from gateway.commands.command_line import app


def main() -> None:
    hold_standard_streams()
    app()


if __name__ == "__main__":
    main()
