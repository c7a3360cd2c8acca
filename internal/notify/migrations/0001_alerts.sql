-- What people were told of and is not over yet. Times are Unix microseconds; 0 is none.
CREATE TABLE incidents (
  id INTEGER PRIMARY KEY,
  site TEXT NOT NULL,
  kind TEXT NOT NULL,
  since INTEGER NOT NULL,
  again INTEGER NOT NULL,
  sent INTEGER NOT NULL
) STRICT;
CREATE TABLE members (
  incident INTEGER NOT NULL,
  cp_id TEXT NOT NULL,
  since INTEGER NOT NULL,
  cause TEXT NOT NULL,
  ended INTEGER NOT NULL,
  PRIMARY KEY (incident, cp_id)
) STRICT, WITHOUT ROWID;
-- What waits for a receiver: its name, without a secret, and the message as JSON.
CREATE TABLE queue (
  n INTEGER PRIMARY KEY,
  receiver TEXT NOT NULL,
  message TEXT NOT NULL
) STRICT;
