-- What becomes of notices of some kinds of senders: 'accept', 'filter' or 'drop'. Who has no row has the defaults. Written by domain/notifications.
CREATE TABLE notification_policies (
  account_id BIGINT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  for_not_following TEXT NOT NULL,
  for_not_followers TEXT NOT NULL,
  for_new_accounts TEXT NOT NULL,
  for_private_mentions TEXT NOT NULL,
  for_limited_accounts TEXT NOT NULL,
  for_bots TEXT NOT NULL
);

-- Senders whose mentions are kept apart, until the recipient lets them in or dismisses them.
CREATE TABLE notification_requests (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  from_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  last_status_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notification_requests_key ON notification_requests (account_id, from_account_id);
CREATE INDEX notification_requests_page ON notification_requests (account_id, id);
CREATE INDEX notification_requests_from ON notification_requests (from_account_id);

-- Senders who were let in: no policy holds for them.
CREATE TABLE notification_permissions (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  from_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, from_account_id)
);
CREATE INDEX notification_permissions_from ON notification_permissions (from_account_id);

CREATE INDEX notifications_filtered ON notifications (account_id, from_account_id) WHERE filtered;
CREATE INDEX notifications_group ON notifications (account_id, group_key, id) WHERE group_key <> '';
