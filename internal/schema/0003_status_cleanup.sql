-- Written by domain/statuses: whose old posts are deleted by and by, and which of them stay.
CREATE TABLE status_cleanup_policies (
  account_id BIGINT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  enabled BOOLEAN NOT NULL DEFAULT FALSE,
  -- In seconds.
  min_status_age BIGINT NOT NULL,
  keep_direct BOOLEAN NOT NULL,
  keep_pinned BOOLEAN NOT NULL,
  keep_polls BOOLEAN NOT NULL,
  keep_media BOOLEAN NOT NULL,
  keep_self_fav BOOLEAN NOT NULL,
  keep_self_bookmark BOOLEAN NOT NULL,
  -- Posts with so many favourites or boosts stay; 0 for no such rule.
  min_favs BIGINT NOT NULL DEFAULT 0,
  min_reblogs BIGINT NOT NULL DEFAULT 0,
  -- Up to which post all were looked at, and when the look begins anew.
  inspected_id BIGINT NOT NULL DEFAULT 0,
  again_at BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL DEFAULT 0,
  updated_at BIGINT NOT NULL
);
CREATE INDEX status_cleanup_policies_next ON status_cleanup_policies (next_at) WHERE enabled;
