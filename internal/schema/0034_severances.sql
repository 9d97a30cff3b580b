-- Ties that people lost because of a whole server or an account, a row for each of them and each time. Written by domain/relations.
CREATE TABLE relationship_severances (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- 'domain_block' by the server, 'user_domain_block' by the account itself.
  type TEXT NOT NULL,
  target_name TEXT NOT NULL,
  -- Tells one time from the next: the block's own row, or when it was made.
  cause BIGINT NOT NULL,
  followers_count BIGINT NOT NULL DEFAULT 0,
  following_count BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX relationship_severances_cause ON relationship_severances (account_id, type, target_name, cause);
