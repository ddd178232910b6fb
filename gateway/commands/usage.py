"""Wrong usage, told whole: every option and argument that lacks or is wrong, in one message."""

from collections.abc import Callable
from typing import Any

import typer
from typer._click.exceptions import (
    UsageError,  # what the parser raises; typer names it nowhere else
)
from typer.core import TyperCommand


class Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        problems = self._problems(ctx, list(args))
        if len(problems) > 1:
            count, lines = len(problems), (f"  {' '.join(each.split())}" for each in problems)
            raise UsageError(
                f"{count} 处有误 {count} things are wrong:\n" + "\n".join(lines), ctx=ctx
            )
        return super().parse_args(ctx, args)

    def _problems(self, ctx: Any, args: list[str]) -> list[str]:
        """In the order of the command's help, after what it does not know."""
        problems, named = [], set()
        while True:
            try:
                values, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
                break
            except UsageError as wrong:
                # An option that is unknown, lacks its value or takes none: without it the others
                # can be looked at.
                problems.append(wrong.format_message())
                name = getattr(wrong, "option_name", "")
                kept = [word for word in args if word.partition("=")[0] != name]
                if len(kept) == len(args):
                    return problems
                named.add(name)
                args = kept
        for parameter in sorted(self.get_params(ctx), key=lambda each: not each.is_eager):
            if named.intersection(parameter.opts):
                continue
            try:
                parameter.handle_parse_result(ctx, values, rest)
            except UsageError as wrong:
                problems.append(wrong.format_message())
        if rest and not named:  # else it may be the value of an option that is unknown
            problems.append(f"Got unexpected extra argument(s) ({' '.join(map(str, rest))})")
        return problems


class App(typer.Typer):
    """A group of commands of this kind."""

    def command(self, *names: Any, **more: Any) -> Callable[[Any], Any]:
        return super().command(*names, **{"cls": Command, **more})
