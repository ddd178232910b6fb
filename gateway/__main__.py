"""`treasury-gateway`: the command line of both programs."""

from gateway.commands.line import app


def main() -> None:
    app()


if __name__ == "__main__":
    main()
