-- Written by domain/media. What an upload was before it is worked on: the name of a stored file, '' when there is none.
ALTER TABLE media_attachments ADD COLUMN raw TEXT NOT NULL DEFAULT '';

-- Files of other servers that were fetched to be shown. key stands for what they are and where from; it is also the end of their addresses here.
CREATE TABLE remote_files (
  key TEXT PRIMARY KEY,
  -- 'attachments', 'avatars', 'headers', 'emojis', 'cards'.
  kind TEXT NOT NULL,
  attachment_id BIGINT NOT NULL DEFAULT 0,
  url TEXT NOT NULL,
  host TEXT NOT NULL,
  -- 'fetching', 'kept', 'failed'. until: when another may try, while fetching or failed.
  state TEXT NOT NULL,
  until BIGINT NOT NULL DEFAULT 0,
  attempts BIGINT NOT NULL DEFAULT 0,
  -- Names of stored files; small is '' where there is none.
  file TEXT NOT NULL DEFAULT '',
  small TEXT NOT NULL DEFAULT '',
  -- JSON: what was found out of the file: sizes and blurhash.
  meta TEXT NOT NULL DEFAULT '{}',
  size BIGINT NOT NULL DEFAULT 0,
  used_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX remote_files_used ON remote_files (used_at, key);
CREATE INDEX remote_files_host ON remote_files (host);
CREATE INDEX remote_files_attachment ON remote_files (attachment_id) WHERE attachment_id <> 0;
