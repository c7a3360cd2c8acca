-- 1: it has sent with a certificate, and is refused without one.
ALTER TABLE charge_points ADD COLUMN certified INTEGER NOT NULL DEFAULT 0;
