-- What was typed into a form that takes in a case or a complaint, as a digest under a random number that only the form bore
-- (decision 0108): a second press finds what the first one made. NULL: of before, or opened in another way.

ALTER TABLE case_file ADD COLUMN form bytea;
CREATE UNIQUE INDEX case_file_by_form ON case_file (division, form) WHERE form IS NOT NULL;
ALTER TABLE complaint ADD COLUMN form bytea;
CREATE UNIQUE INDEX complaint_by_form ON complaint (division, form) WHERE form IS NOT NULL;
