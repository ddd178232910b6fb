-- Two indexes said when an instruction was decided, and both were kept up by every insert. The one
-- that summarises itself as the table grows stays; the other waited for a vacuum to be of any use.

DROP INDEX instruction_by_time;
