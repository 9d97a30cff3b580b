-- What people bring along from elsewhere, and take with them. Written by domain/archive.
CREATE TABLE bulk_imports (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- following, blocking, muting, domain_blocking, bookmarks, lists (Mastodon's names).
  type TEXT NOT NULL,
  overwrite BOOLEAN NOT NULL,
  -- 0 not confirmed yet, 1 confirmed, 2 finished.
  state BIGINT NOT NULL DEFAULT 0,
  -- What was there and is not in the file was taken away.
  cleared BOOLEAN NOT NULL DEFAULT FALSE,
  filename TEXT NOT NULL DEFAULT '',
  likely_mismatched BOOLEAN NOT NULL DEFAULT FALSE,
  total_items BIGINT NOT NULL,
  processed_items BIGINT NOT NULL DEFAULT 0,
  imported_items BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX bulk_imports_account ON bulk_imports (account_id, id);

-- The lines that are left; those that could not be taken stay.
CREATE TABLE bulk_import_rows (
  id BIGINT PRIMARY KEY,
  import_id BIGINT NOT NULL REFERENCES bulk_imports (id) ON DELETE CASCADE,
  data TEXT NOT NULL,
  -- 0 to do, 1 could not be taken.
  state BIGINT NOT NULL DEFAULT 0,
  tries BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX bulk_import_rows_import ON bulk_import_rows (import_id, state, id);

-- Archives of what people wrote. state: 0 asked for, 1 ready.
CREATE TABLE backups (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  state BIGINT NOT NULL DEFAULT 0,
  file TEXT NOT NULL DEFAULT '',
  size BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX backups_account ON backups (account_id, id);

-- All the lists of somebody at once.
CREATE INDEX list_accounts_owner ON list_accounts (owner_id, id);
