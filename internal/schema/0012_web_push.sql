-- Where to send what a person is told of, beside the apps that are open: one for each token of an app. Written by domain/notifications.
CREATE TABLE web_push_subscriptions (
  id BIGINT PRIMARY KEY,
  access_token_id BIGINT NOT NULL REFERENCES oauth_access_tokens (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  endpoint TEXT NOT NULL,
  -- base64url.
  p256dh TEXT NOT NULL,
  auth TEXT NOT NULL,
  standard BOOLEAN NOT NULL,
  -- JSON: types of notices that are wanted.
  alerts TEXT NOT NULL,
  -- 'all', 'followed', 'follower', 'none': whose notices.
  policy TEXT NOT NULL,
  -- The token itself, encrypted by the server's secret: apps find by it whom a message is for.
  token TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX web_push_subscriptions_token ON web_push_subscriptions (access_token_id);
CREATE INDEX web_push_subscriptions_account ON web_push_subscriptions (account_id);
