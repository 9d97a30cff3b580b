-- What the people who run the server tell everybody here. Written by domain/announcements.
CREATE TABLE announcements (
  id BIGINT PRIMARY KEY,
  text TEXT NOT NULL,
  published BOOLEAN NOT NULL DEFAULT FALSE,
  all_day BOOLEAN NOT NULL DEFAULT FALSE,
  -- When it is to be published; 0 for at once, or never by itself.
  scheduled_at BIGINT NOT NULL DEFAULT 0,
  -- What it is about lasts from then to then; both or neither.
  starts_at BIGINT NOT NULL DEFAULT 0,
  ends_at BIGINT NOT NULL DEFAULT 0,
  published_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX announcements_published ON announcements (id) WHERE published;
CREATE INDEX announcements_scheduled ON announcements (scheduled_at) WHERE scheduled_at <> 0;

-- Who has read which one.
CREATE TABLE announcement_mutes (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  announcement_id BIGINT NOT NULL REFERENCES announcements (id) ON DELETE CASCADE,
  PRIMARY KEY (account_id, announcement_id)
);
CREATE INDEX announcement_mutes_announcement ON announcement_mutes (announcement_id);

-- name is an emoji, or the shortcode of a custom one.
CREATE TABLE announcement_reactions (
  id BIGINT PRIMARY KEY,
  announcement_id BIGINT NOT NULL REFERENCES announcements (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX announcement_reactions_key ON announcement_reactions (announcement_id, name, account_id);
CREATE INDEX announcement_reactions_account ON announcement_reactions (account_id);
