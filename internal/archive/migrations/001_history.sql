-- Times are Unix microseconds; 0 = never. A serial numbers the commits: a row belongs to
-- every position from its serial on. Rows of a position that was pinned are never changed.
CREATE TABLE progress (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	serial  INTEGER NOT NULL, -- of the last commit
	pinned  INTEGER NOT NULL, -- the last serial that was pinned
	topic   TEXT NOT NULL,
	newest  INTEGER NOT NULL, -- the latest time of an event
	records INTEGER NOT NULL, -- that were read
	strange INTEGER NOT NULL, -- of these, how many no Monitor wrote
	lost    INTEGER NOT NULL  -- how many the topic did not have any more
) STRICT;
INSERT INTO progress VALUES (1, 0, 0, '', 0, 0, 0, 0);

CREATE TABLE partitions (
	partition   INTEGER PRIMARY KEY,
	next_offset INTEGER NOT NULL
) STRICT;

CREATE TABLE charge_points (
	cp_id  TEXT PRIMARY KEY,
	serial INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The fold of each numbering, as it is from its serial on.
CREATE TABLE folds (
	cp_id    TEXT NOT NULL,
	epoch    INTEGER NOT NULL,
	serial   INTEGER NOT NULL,
	elements INTEGER NOT NULL, -- how many it has settled
	state    TEXT NOT NULL,
	PRIMARY KEY (cp_id, epoch, serial)
) STRICT, WITHOUT ROWID;

-- What the folds have settled; nothing here is ever changed. See history.Element.
CREATE TABLE elements (
	cp_id          TEXT NOT NULL,
	epoch          INTEGER NOT NULL,
	n              INTEGER NOT NULL,
	serial         INTEGER NOT NULL,
	kind           TEXT NOT NULL,
	torn           INTEGER NOT NULL,
	estimated      INTEGER NOT NULL,
	from_seq       INTEGER NOT NULL,
	to_seq         INTEGER NOT NULL,
	from_at        INTEGER NOT NULL,
	to_at          INTEGER NOT NULL,
	interval_us    INTEGER NOT NULL,
	timeout_us     INTEGER NOT NULL,
	incident_epoch INTEGER NOT NULL,
	incident_seq   INTEGER NOT NULL,
	cause          TEXT NOT NULL,
	site           TEXT NOT NULL,
	since          INTEGER NOT NULL,
	span_us        INTEGER NOT NULL,
	of_epoch       INTEGER NOT NULL,
	failed_checks  INTEGER NOT NULL,
	not_judged     INTEGER NOT NULL,
	PRIMARY KEY (cp_id, epoch, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX sites ON elements (cp_id, from_at, site, serial) WHERE kind = 'site';

-- Checks of the first EV_CP_M, which have no number.
CREATE TABLE checks (
	cp_id  TEXT NOT NULL,
	at     INTEGER NOT NULL,
	status INTEGER NOT NULL,
	serial INTEGER NOT NULL,
	PRIMARY KEY (cp_id, at, status)
) STRICT, WITHOUT ROWID;

-- Positions that can be asked for for ever.
CREATE TABLE positions (
	name    TEXT PRIMARY KEY, -- the offsets, as 0:123,1:456
	serial  INTEGER NOT NULL,
	newest  INTEGER NOT NULL,
	records INTEGER NOT NULL,
	strange INTEGER NOT NULL,
	lost    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Exclusions and their withdrawals; nothing here is ever changed.
CREATE TABLE annotations (
	id        INTEGER PRIMARY KEY,
	withdraws INTEGER NOT NULL, -- the id of the exclusion that is taken back; 0: it is one
	made      INTEGER NOT NULL,
	who       TEXT NOT NULL,
	note      TEXT NOT NULL,
	link      TEXT NOT NULL,
	cp_id     TEXT NOT NULL,
	site      TEXT NOT NULL,
	from_at   INTEGER NOT NULL,
	to_at     INTEGER NOT NULL,
	reason    TEXT NOT NULL
) STRICT;
