-- Runs of events, as JSON lines: the very bytes that go to Kafka.
-- Times are microseconds since 1970.
CREATE TABLE runs (
    id      INTEGER PRIMARY KEY, -- rises in the order of append
    at      INTEGER NOT NULL,    -- of the first event
    until   INTEGER NOT NULL,    -- of the last event
    count   INTEGER NOT NULL,    -- events in body
    facts   INTEGER NOT NULL,    -- of these: more than one more OK
    reports INTEGER NOT NULL,    -- of these: Central must know
    events  INTEGER NOT NULL,    -- events ever appended, with this run
    bytes   INTEGER NOT NULL,    -- bytes ever appended, with this run
    body    TEXT    NOT NULL
) STRICT;

CREATE INDEX runs_reports ON runs (id) WHERE reports > 0;

-- How far each reader has got: it has every run up to this one.
CREATE TABLE cursors (
    name    TEXT    PRIMARY KEY,
    run     INTEGER NOT NULL,
    events  INTEGER NOT NULL, -- runs.events of that run; central: the last fact that is settled
    dropped INTEGER NOT NULL  -- events after it that were given up
) STRICT, WITHOUT ROWID;

-- What was known of each charge point after a run. Later runs are folded on top.
CREATE TABLE states (
    cp   TEXT    PRIMARY KEY,
    run  INTEGER NOT NULL,
    body BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Events given up before every reader had them, until an event says so.
CREATE TABLE drops (
    cp       TEXT    NOT NULL,
    epoch    INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq   INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    PRIMARY KEY (cp, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- For people: SELECT event FROM events ORDER BY run.
CREATE VIEW events AS
    SELECT runs.id AS run, line.value AS event
    FROM runs, json_each('[' || replace(rtrim(body, char(10)), char(10), ',') || ']') AS line;
