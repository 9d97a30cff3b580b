-- What people did in a year, when they asked for it. data is '' while it is put together. Written by domain/annual.
CREATE TABLE generated_annual_reports (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  year BIGINT NOT NULL,
  data TEXT NOT NULL DEFAULT '',
  schema_version BIGINT NOT NULL,
  viewed_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX generated_annual_reports_year ON generated_annual_reports (account_id, year);
