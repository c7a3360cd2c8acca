-- Times are Unix microseconds; 0 = never.
CREATE TABLE audit (
	id     INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	who    TEXT NOT NULL, -- a name
	kind   TEXT NOT NULL, -- what proves the name: user, token, proxy, local, setup, central
	peer   TEXT NOT NULL, -- the address it came from; '' = this machine's socket, or Central itself
	action TEXT NOT NULL,
	target TEXT NOT NULL, -- what was changed
	before TEXT NOT NULL, -- JSON; '' = it was not there
	after  TEXT NOT NULL  -- JSON; '' = it is not there any more
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;

-- The answers to requests with an Idempotency-Key, for a day.
CREATE TABLE answers (
	who     TEXT NOT NULL, -- kind and name
	key     TEXT NOT NULL,
	request BLOB NOT NULL, -- SHA-256 of method, path and body
	at      INTEGER NOT NULL,
	code    INTEGER NOT NULL,
	body    TEXT NOT NULL,
	PRIMARY KEY (who, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_time ON answers (at);

CREATE TABLE users (
	name     TEXT PRIMARY KEY COLLATE NOCASE,
	role     TEXT NOT NULL,
	password TEXT NOT NULL, -- argon2id, as a PHC string
	made     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	hash BLOB PRIMARY KEY, -- SHA-256 of the cookie
	name TEXT NOT NULL,    -- '' = of the first token
	made INTEGER NOT NULL,
	used INTEGER NOT NULL  -- up to some minutes ago
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
	name    TEXT PRIMARY KEY COLLATE NOCASE,
	role    TEXT NOT NULL,
	hash    BLOB NOT NULL, -- SHA-256
	made    INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
	name  TEXT PRIMARY KEY, -- first_token: its SHA-256; csrf: the key for users whom a proxy names
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Who has taken the open incident of a charge point.
CREATE TABLE owners (
	cp_id    TEXT PRIMARY KEY,
	name     TEXT NOT NULL,
	note     TEXT NOT NULL,
	until    INTEGER NOT NULL, -- 0 = until the recovery
	incident INTEGER NOT NULL, -- when the incident began
	made     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE maintenance (
	id      INTEGER PRIMARY KEY,
	cp_id   TEXT NOT NULL, -- '' = all of the site
	site    TEXT NOT NULL,
	from_at INTEGER NOT NULL,
	to_at   INTEGER NOT NULL,
	reason  TEXT NOT NULL,
	who     TEXT NOT NULL,
	made    INTEGER NOT NULL,
	ended   INTEGER NOT NULL -- before its time; 0 = not
) STRICT;
CREATE INDEX maintenance_by_end ON maintenance (to_at);

-- The lines of the file of ports, cells as they were written.
CREATE TABLE ports (
	line           INTEGER PRIMARY KEY,
	cells          TEXT NOT NULL -- JSON: column → cell
) STRICT;
