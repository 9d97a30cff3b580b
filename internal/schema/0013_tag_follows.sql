-- Whose home has public posts with which hashtags. Written by domain/relations.
CREATE TABLE tag_follows (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  tag_id BIGINT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tag_follows_key ON tag_follows (account_id, tag_id);
CREATE INDEX tag_follows_tag ON tag_follows (tag_id, account_id);
CREATE INDEX tag_follows_page ON tag_follows (account_id, id);
