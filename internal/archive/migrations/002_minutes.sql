-- The minutes of one hour of one numbering, once it is over: see history.PackedMinutes.
CREATE TABLE minutes (
	hour   INTEGER NOT NULL, -- its begin
	cp_id  TEXT NOT NULL,
	epoch  INTEGER NOT NULL,
	packed BLOB NOT NULL,
	PRIMARY KEY (hour, cp_id, epoch)
) STRICT, WITHOUT ROWID;

-- The hour that goes on in each numbering: see history.MinuteCounter.
CREATE TABLE open_minutes (
	cp_id TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	hour  INTEGER NOT NULL,
	state BLOB NOT NULL,
	PRIMARY KEY (cp_id, epoch)
) STRICT, WITHOUT ROWID;

-- From when on there are minutes: those before it were removed, or read by a version that kept none.
ALTER TABLE progress ADD COLUMN minutes_from INTEGER NOT NULL DEFAULT 0;
UPDATE progress SET minutes_from = newest;
