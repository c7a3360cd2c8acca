-- Times are Unix milliseconds; 0 = never. Words are those of the API.
CREATE TABLE charge_points (
	cp_id        TEXT PRIMARY KEY,
	state        TEXT NOT NULL,
	reason       TEXT NOT NULL,
	since        INTEGER NOT NULL,
	registered   INTEGER NOT NULL,
	last_seen    INTEGER NOT NULL,
	status       TEXT NOT NULL,    -- what its last heartbeat said
	fault_since  INTEGER NOT NULL, -- a fault that was never taken back
	fault_reason TEXT NOT NULL,
	heartbeats   INTEGER NOT NULL  -- 1: it sends them
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
	id         INTEGER PRIMARY KEY,
	cp_id      TEXT NOT NULL,
	at         INTEGER NOT NULL,
	from_state TEXT NOT NULL,
	to_state   TEXT NOT NULL,
	reason     TEXT NOT NULL,
	status     TEXT NOT NULL,
	peer       TEXT NOT NULL
) STRICT;
CREATE INDEX changes_by_cp ON changes (cp_id, id);
CREATE INDEX changes_by_at ON changes (at);
