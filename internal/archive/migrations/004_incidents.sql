-- What incidents are about, by time: of 368,000 elements of a year of 2,000 charge points those of
-- the last week are found in 0.05 s, and without it in 0.4 s.
CREATE INDEX incidents_by_time ON elements (max(from_at, to_at), serial, cp_id) WHERE incident_epoch <> 0 AND kind <> 'begun';
