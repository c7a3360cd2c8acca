-- Whether it ever sent a heartbeat: then no registration clears its fault.
ALTER TABLE charge_points ADD COLUMN ever_heartbeats INTEGER NOT NULL DEFAULT 0;
UPDATE charge_points SET ever_heartbeats = heartbeats;
