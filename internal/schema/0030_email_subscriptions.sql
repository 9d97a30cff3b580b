-- Who gets somebody's public posts by mail, without an account. Written by domain/subscriptions.
CREATE TABLE email_subscriptions (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  email_folded TEXT NOT NULL,
  -- The mail that asks for confirmation has the word behind this; when it was sent last, and when it was answered.
  confirmation_hash TEXT NOT NULL DEFAULT '',
  asked_at BIGINT NOT NULL,
  confirmed_at BIGINT NOT NULL DEFAULT 0,
  -- Ends the subscription; it is in every mail.
  token TEXT NOT NULL,
  -- The newest post that was told of.
  told_id BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX email_subscriptions_key ON email_subscriptions (account_id, email_folded);
CREATE INDEX email_subscriptions_email ON email_subscriptions (email_folded);
CREATE UNIQUE INDEX email_subscriptions_token ON email_subscriptions (token);
CREATE UNIQUE INDEX email_subscriptions_confirmation ON email_subscriptions (confirmation_hash) WHERE confirmation_hash <> '';
CREATE INDEX email_subscriptions_unconfirmed ON email_subscriptions (created_at) WHERE confirmed_at = 0;

-- Whether people may subscribe to an account by mail. Written by domain/accounts.
ALTER TABLE accounts ADD COLUMN email_subscriptions BOOLEAN NOT NULL DEFAULT FALSE;
