-- recovered: when the charge point was well by its events; 0 is not known. site: of an incident of many sites.
ALTER TABLE members ADD COLUMN recovered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN site TEXT NOT NULL DEFAULT '';
