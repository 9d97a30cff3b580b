-- Whom people show on their profiles. Written by domain/relations.
CREATE TABLE endorsements (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX endorsements_key ON endorsements (account_id, target_account_id);
CREATE INDEX endorsements_page ON endorsements (account_id, id);
CREATE INDEX endorsements_target ON endorsements (target_account_id);

-- Whom people do not want to be told to follow.
CREATE TABLE dismissed_suggestions (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, target_account_id)
);
CREATE INDEX dismissed_suggestions_target ON dismissed_suggestions (target_account_id);

-- The directory, by what it is ordered by.
CREATE INDEX accounts_active ON accounts (last_status_at, id) WHERE discoverable AND suspended_at = 0 AND silenced_at = 0 AND moved_to_id = 0;
CREATE INDEX accounts_listed ON accounts (id) WHERE discoverable AND suspended_at = 0 AND silenced_at = 0 AND moved_to_id = 0;
CREATE INDEX accounts_followed ON accounts (followers_count, id) WHERE discoverable AND suspended_at = 0 AND silenced_at = 0 AND moved_to_id = 0;
