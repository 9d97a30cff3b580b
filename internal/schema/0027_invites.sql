-- Invitations. Written by domain/access.
CREATE TABLE invites (
  id BIGINT PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  code TEXT NOT NULL,
  -- 0 for ever, and for as many as like.
  expires_at BIGINT NOT NULL DEFAULT 0,
  max_uses BIGINT NOT NULL DEFAULT 0,
  uses BIGINT NOT NULL DEFAULT 0,
  -- Who comes by it follows the inviter.
  autofollow BOOLEAN NOT NULL DEFAULT FALSE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invites_code ON invites (code);
CREATE INDEX invites_user ON invites (user_id, id);
ALTER TABLE users ADD COLUMN invite_id BIGINT NOT NULL DEFAULT 0;
CREATE INDEX users_invite ON users (invite_id) WHERE invite_id <> 0;

-- The token by which a browser that is signed in is told of notices; 0 for none.
ALTER TABLE sessions ADD COLUMN access_token_id BIGINT NOT NULL DEFAULT 0;

-- What web clients keep for a person. Written by domain/access.
CREATE TABLE web_settings (
  user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  data TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);
