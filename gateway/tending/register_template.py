"""An empty workbook for registers: a sheet each, all cells text, so that no number loses digits."""

from collections.abc import Mapping
from pathlib import Path

import xlsxwriter


def write_workbook(file: Path, sheets: Mapping[str, Mapping[str, str]]) -> None:
    """`sheets`: by name, each column with what stands in it (a note on its head)."""
    with xlsxwriter.Workbook(str(file)) as book:
        text = book.add_format({"num_format": "@"})
        head = book.add_format({"bold": True, "num_format": "@"})
        for name, columns in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.set_column(0, max(len(columns) - 1, 0), 22, text)
            sheet.freeze_panes(1, 0)
            for number, (column, words) in enumerate(columns.items()):
                sheet.write_string(0, number, column, head)
                if words:
                    sheet.write_comment(0, number, words)
