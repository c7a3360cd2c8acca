-- What Monitors said by the text protocol, and what they were answered, instead of the changes
-- of state that Central made of it. Times are Unix microseconds. One row is one message, or the
-- same message with the same answer so many times: heartbeats are counted, not listed.
DROP TABLE changes;
CREATE TABLE words (
	cp_id       TEXT NOT NULL,
	from_at     INTEGER NOT NULL, -- of the first
	to_at       INTEGER NOT NULL, -- of the last
	count       INTEGER NOT NULL,
	said        TEXT NOT NULL,
	answered    TEXT NOT NULL,    -- '': it could not be
	answered_us INTEGER NOT NULL, -- how long the answer to the first took
	peer        TEXT NOT NULL,    -- which sent the first
	PRIMARY KEY (cp_id, from_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX words_by_time ON words (to_at);
-- The rows of each charge point that may still go on. They are not among the words yet.
CREATE TABLE last_words (
	cp_id       TEXT NOT NULL,
	slot        INTEGER NOT NULL, -- 1: failure reports of one fault; 0: the others
	from_at     INTEGER NOT NULL,
	to_at       INTEGER NOT NULL,
	count       INTEGER NOT NULL,
	said        TEXT NOT NULL,
	answered    TEXT NOT NULL,
	answered_us INTEGER NOT NULL,
	peer        TEXT NOT NULL,
	PRIMARY KEY (cp_id, slot)
) STRICT, WITHOUT ROWID;
