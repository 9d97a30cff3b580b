-- What posts quote. Written by domain/statuses. state: 0 pending, 1 accepted, 2 rejected, 3 revoked, 4 deleted (Mastodon's numbers).
CREATE TABLE quotes (
  id BIGINT PRIMARY KEY,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL,
  -- 0 while the quoted post is not known here. No reference: both stay when that post goes.
  quoted_status_id BIGINT NOT NULL DEFAULT 0,
  quoted_account_id BIGINT NOT NULL DEFAULT 0,
  quoted_uri TEXT NOT NULL,
  state BIGINT NOT NULL DEFAULT 0,
  -- The stamp of an author on another server; those of ours are named by id.
  approval_uri TEXT NOT NULL DEFAULT '',
  -- The id of the QuoteRequest.
  activity_uri TEXT NOT NULL DEFAULT '',
  -- Said in a way that knows no approval; not shown until it is accepted.
  legacy BOOLEAN NOT NULL DEFAULT FALSE,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX quotes_status ON quotes (status_id);
CREATE INDEX quotes_quoted ON quotes (quoted_status_id, id) WHERE quoted_status_id <> 0;
CREATE INDEX quotes_unknown ON quotes (quoted_uri) WHERE quoted_status_id = 0;
CREATE INDEX quotes_approval ON quotes (approval_uri) WHERE approval_uri <> '';
CREATE INDEX quotes_activity ON quotes (activity_uri) WHERE activity_uri <> '';

-- Who may quote a post: two sets of 16 bits, above those who may at once, below those whom the author is asked about. In each
-- 1 somebody whom we cannot name, 2 everybody, 4 followers, 8 those whom the author follows, 16 nobody but the author.
ALTER TABLE statuses ADD COLUMN quote_approval_policy BIGINT NOT NULL DEFAULT 0;
ALTER TABLE statuses ADD COLUMN quotes_count BIGINT NOT NULL DEFAULT 0;
