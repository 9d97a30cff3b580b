-- Collections of accounts that people recommend (FEP-7aa9, Mastodon 4.6). Written by domain/collections.
CREATE TABLE collections (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  local BOOLEAN NOT NULL,
  uri TEXT NOT NULL,
  url TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL,
  -- As it was typed, or the cleaned HTML of another server.
  description TEXT NOT NULL DEFAULT '',
  language TEXT NOT NULL DEFAULT '',
  sensitive BOOLEAN NOT NULL DEFAULT FALSE,
  discoverable BOOLEAN NOT NULL DEFAULT FALSE,
  -- A hashtag without its sign; empty for none.
  tag TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX collections_uri ON collections (uri);
CREATE INDEX collections_account ON collections (account_id, id);

-- Who is in them. state: 0 pending, 1 accepted, 2 rejected, 3 revoked (Mastodon's numbers).
CREATE TABLE collection_items (
  id BIGINT PRIMARY KEY,
  collection_id BIGINT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
  -- NULL while the account is not known here.
  account_id BIGINT REFERENCES accounts (id) ON DELETE CASCADE,
  object_uri TEXT NOT NULL DEFAULT '',
  -- The item's own id, where another server has the collection.
  uri TEXT NOT NULL DEFAULT '',
  -- The FeatureRequest, and the stamp of an account of another server.
  activity_uri TEXT NOT NULL DEFAULT '',
  approval_uri TEXT NOT NULL DEFAULT '',
  state BIGINT NOT NULL DEFAULT 0,
  position BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX collection_items_account ON collection_items (collection_id, account_id) WHERE account_id IS NOT NULL;
CREATE UNIQUE INDEX collection_items_uri ON collection_items (uri) WHERE uri <> '';
CREATE INDEX collection_items_in ON collection_items (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX collection_items_activity ON collection_items (activity_uri) WHERE activity_uri <> '';
CREATE INDEX collection_items_approval ON collection_items (approval_uri) WHERE approval_uri <> '';

-- Who may put an account of another server into a collection, in the bits of statuses.quote_approval_policy; 0 where nothing is said.
-- And where that server lists the account's own collections. Written by domain/accounts.
ALTER TABLE accounts ADD COLUMN feature_approval_policy BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN collections_url TEXT NOT NULL DEFAULT '';

-- The collection that a notice is about. Written by domain/notifications.
ALTER TABLE notifications ADD COLUMN collection_id BIGINT NOT NULL DEFAULT 0;
