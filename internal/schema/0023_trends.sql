-- How far posts and favourites were read for what is talked about. Written by domain/trends, like all below.
CREATE TABLE trend_cursors (
  name TEXT PRIMARY KEY,
  last_id BIGINT NOT NULL
);

-- How often a hashtag or a preview was used in public on a day, and by how many. kind: 'tag', 'link'; day: since 1970.
CREATE TABLE trend_days (
  kind TEXT NOT NULL,
  object_id BIGINT NOT NULL,
  day BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  accounts BIGINT NOT NULL,
  -- What tells how many of the accounts are new; see sketch.go.
  sketch TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (kind, object_id, day)
);
CREATE INDEX trend_days_busy ON trend_days (kind, day, accounts);
CREATE INDEX trend_days_old ON trend_days (day);

-- The highest score of what was talked about of late, from which it decays.
CREATE TABLE trend_peaks (
  kind TEXT NOT NULL,
  object_id BIGINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (kind, object_id)
);

-- What is talked about now. kind: 'tag', 'link', 'status'.
CREATE TABLE trends (
  kind TEXT NOT NULL,
  object_id BIGINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  language TEXT NOT NULL DEFAULT '',
  allowed BOOLEAN NOT NULL DEFAULT FALSE,
  PRIMARY KEY (kind, object_id)
);
CREATE INDEX trends_score ON trends (kind, score);

-- What people decided. kind: 'tag', 'link' and 'status' by id, 'account' (the authors of posts) by id, 'publisher' (of links) by domain.
CREATE TABLE trend_reviews (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  trendable BOOLEAN NOT NULL,
  reviewed_at BIGINT NOT NULL,
  PRIMARY KEY (kind, subject)
);
