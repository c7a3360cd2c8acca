-- Which topic of its name was read, as the brokers say ('': not known), and how often it was
-- made anew since, so that its offsets began again.
ALTER TABLE progress ADD COLUMN topic_id TEXT NOT NULL DEFAULT '';
ALTER TABLE progress ADD COLUMN made_anew INTEGER NOT NULL DEFAULT 0;
