-- How many of the events given up were more than one more OK.
ALTER TABLE drops ADD COLUMN facts INTEGER NOT NULL DEFAULT 0;
