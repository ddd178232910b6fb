"""The shipped book, read once for all tests that only ask it."""

from typing import Final

from policies.book.book import Book
from policies.book.load import load

BOOK: Final[Book] = load()
