-- Events that a reader's receiver never takes, newest last: for people.
CREATE TABLE set_aside (
    id     INTEGER PRIMARY KEY,
    reason TEXT    NOT NULL,
    event  TEXT    NOT NULL
) STRICT;
