"""Bugs that must turn a test red."""

from tests.planted.bugs_asked import ASKED_BUGS
from tests.planted.bugs_edges import EDGE_BUGS
from tests.planted.bugs_line import LINE_BUGS

BUGS = LINE_BUGS + ASKED_BUGS + EDGE_BUGS
