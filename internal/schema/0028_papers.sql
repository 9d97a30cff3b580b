-- The terms of service, one row an edition. Written by domain/settings. published_at is 0 for the draft; effective_on is the midnight (UTC) from which it holds.
CREATE TABLE terms_of_services (
  id BIGINT PRIMARY KEY,
  text TEXT NOT NULL,
  changelog TEXT NOT NULL DEFAULT '',
  effective_on BIGINT NOT NULL DEFAULT 0,
  published_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX terms_of_services_effective ON terms_of_services (effective_on) WHERE published_at <> 0;

-- The rules in other languages. Written by domain/settings.
CREATE TABLE rule_translations (
  rule_id BIGINT NOT NULL REFERENCES rules (id) ON DELETE CASCADE,
  language TEXT NOT NULL,
  text TEXT NOT NULL,
  hint TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (rule_id, language)
);

-- What happened here in a week that began then (a Monday, UTC), in public figures. Written by domain/statuses.
CREATE TABLE activity_weeks (
  week_at BIGINT PRIMARY KEY,
  statuses BIGINT NOT NULL DEFAULT 0,
  logins BIGINT NOT NULL DEFAULT 0,
  registrations BIGINT NOT NULL DEFAULT 0,
  updated_at BIGINT NOT NULL
);
