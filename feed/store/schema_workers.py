"""The table and columns of what is in the hands of mail workers on other machines."""

TABLES = """
CREATE TABLE batches (  -- what was handed to mail workers, until they have told of all of it
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,  -- of the content, at the hand-over
  at TEXT NOT NULL,
  back TEXT            -- null until nobody is known to hold it: when it is taken back
) STRICT;
-- null unless it is claimed, or due, and handed over
ALTER TABLE deliveries ADD COLUMN batch TEXT;
ALTER TABLE notices ADD COLUMN batch TEXT;
ALTER TABLE desk_notices ADD COLUMN batch TEXT;
CREATE INDEX deliveries_handed ON deliveries(batch) WHERE batch IS NOT NULL;
CREATE INDEX notices_handed ON notices(batch) WHERE batch IS NOT NULL;
CREATE INDEX desk_notices_handed ON desk_notices(batch) WHERE batch IS NOT NULL;
"""
