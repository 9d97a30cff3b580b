-- When the outbox of an account of another server was read last. Written by domain/statuses.
CREATE TABLE outbox_reads (
  account_id BIGINT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  read_at BIGINT NOT NULL
);

-- When this server was last known to answer others, in its one row. Written by domain/statuses.
CREATE TABLE presence (
  id BIGINT PRIMARY KEY,
  seen_at BIGINT NOT NULL
);
