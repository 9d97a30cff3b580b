-- When it was learned which kind of signature a host takes; see instances.signatures. Written by domain/instances.
ALTER TABLE instances ADD COLUMN signatures_at BIGINT NOT NULL DEFAULT 0;

-- The domains that anything is exchanged with, in limited federation mode. Written by domain/instances.
CREATE TABLE domain_allows (
  domain TEXT PRIMARY KEY,
  created_at BIGINT NOT NULL
);

-- Further keys of remote actors, besides accounts.public_key: those that they list as assertionMethod. Written by domain/accounts.
CREATE TABLE account_keys (
  key_id TEXT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  public_key TEXT NOT NULL
);
CREATE INDEX account_keys_account ON account_keys (account_id);
