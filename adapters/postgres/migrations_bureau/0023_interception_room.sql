-- A line is written when it is noticed and again when its record comes, mostly with the same values
-- in what is indexed: with room on its page it then needs no new entry in six indexes.
ALTER TABLE interception SET (fillfactor = 70);
