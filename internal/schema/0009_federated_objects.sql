-- Moves of local accounts to other accounts; how long ago the last one was decides whether there may be another. Written by domain/accounts.
CREATE TABLE account_moves (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL,
  followers_count BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE INDEX account_moves_account ON account_moves (account_id, id);

-- plain: whether the account liked the post, or only reacted to it with emojis. Written by domain/statuses.
ALTER TABLE favourites ADD COLUMN plain BOOLEAN NOT NULL DEFAULT TRUE;

-- The emojis with which somebody elsewhere reacted to a post; for us each makes a favourite, all of one account the same one.
CREATE TABLE favourite_emojis (
  favourite_id BIGINT NOT NULL REFERENCES favourites (id) ON DELETE CASCADE,
  -- The character, or the shortcode between colons.
  emoji TEXT NOT NULL,
  image TEXT NOT NULL DEFAULT '',
  uri TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  PRIMARY KEY (favourite_id, emoji)
);
CREATE INDEX favourite_emojis_uri ON favourite_emojis (uri) WHERE uri <> '';

-- What people were reported for. Written by domain/moderation. category: 'spam', 'legal', 'violation', 'other'.
CREATE TABLE reports (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The id of the Flag of another server.
  uri TEXT NOT NULL DEFAULT '',
  comment TEXT NOT NULL DEFAULT '',
  category TEXT NOT NULL DEFAULT 'other',
  -- JSON list of the rules that were broken.
  rule_ids TEXT NOT NULL DEFAULT '[]',
  forwarded BOOLEAN NOT NULL DEFAULT FALSE,
  application_id BIGINT NOT NULL DEFAULT 0,
  assigned_account_id BIGINT NOT NULL DEFAULT 0,
  action_taken_at BIGINT NOT NULL DEFAULT 0,
  action_taken_by_account_id BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX reports_account ON reports (account_id, id);
CREATE INDEX reports_target ON reports (target_account_id, id);
CREATE INDEX reports_open ON reports (id) WHERE action_taken_at = 0;
CREATE UNIQUE INDEX reports_uri ON reports (uri, account_id, target_account_id) WHERE uri <> '';

CREATE TABLE report_statuses (
  report_id BIGINT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
  -- No reference: the report stays when the post goes.
  status_id BIGINT NOT NULL,
  PRIMARY KEY (report_id, status_id)
);
CREATE INDEX report_statuses_status ON report_statuses (status_id);
