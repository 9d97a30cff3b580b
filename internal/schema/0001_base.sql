-- Settings of the instance, keys as in Mastodon's config/settings.yml. Written by domain/settings.
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE rules (
  id BIGINT PRIMARY KEY,
  position BIGINT NOT NULL DEFAULT 0,
  text TEXT NOT NULL,
  hint TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);

-- Other servers. Written by domain/instances.
CREATE TABLE instances (
  domain TEXT PRIMARY KEY,
  created_at BIGINT NOT NULL,
  -- Delivery: since when every try failed, and when a host counts as unavailable; 0 when it answers.
  failing_since BIGINT NOT NULL DEFAULT 0,
  failures BIGINT NOT NULL DEFAULT 0,
  unavailable_at BIGINT NOT NULL DEFAULT 0,
  last_success_at BIGINT NOT NULL DEFAULT 0,
  -- Which kind of signature the host is known to take: '' (not known), 'cavage', 'rfc9421'.
  signatures TEXT NOT NULL DEFAULT '',
  software TEXT NOT NULL DEFAULT '',
  software_version TEXT NOT NULL DEFAULT ''
);

-- severity: 'silence', 'suspend', 'noop'.
CREATE TABLE domain_blocks (
  domain TEXT PRIMARY KEY,
  severity TEXT NOT NULL,
  reject_media BOOLEAN NOT NULL DEFAULT FALSE,
  reject_reports BOOLEAN NOT NULL DEFAULT FALSE,
  private_comment TEXT NOT NULL DEFAULT '',
  public_comment TEXT NOT NULL DEFAULT '',
  obfuscate BOOLEAN NOT NULL DEFAULT FALSE,
  created_at BIGINT NOT NULL
);

-- Written by domain/accounts.
CREATE TABLE accounts (
  id BIGINT PRIMARY KEY,
  username TEXT NOT NULL,
  username_folded TEXT NOT NULL,
  domain TEXT NOT NULL DEFAULT '',
  actor_type TEXT NOT NULL DEFAULT 'Person',
  display_name TEXT NOT NULL DEFAULT '',
  -- What a local person typed; the HTML that others wrote for remote ones.
  note TEXT NOT NULL DEFAULT '',
  fields TEXT NOT NULL DEFAULT '[]',
  emojis TEXT NOT NULL DEFAULT '[]',
  uri TEXT NOT NULL,
  url TEXT NOT NULL DEFAULT '',
  inbox_url TEXT NOT NULL DEFAULT '',
  shared_inbox_url TEXT NOT NULL DEFAULT '',
  outbox_url TEXT NOT NULL DEFAULT '',
  followers_url TEXT NOT NULL DEFAULT '',
  following_url TEXT NOT NULL DEFAULT '',
  featured_url TEXT NOT NULL DEFAULT '',
  public_key TEXT NOT NULL DEFAULT '',
  public_key_id TEXT NOT NULL DEFAULT '',
  private_key TEXT NOT NULL DEFAULT '',
  -- Local: the stored file's name. Remote: where it came from.
  avatar TEXT NOT NULL DEFAULT '',
  avatar_description TEXT NOT NULL DEFAULT '',
  header TEXT NOT NULL DEFAULT '',
  header_description TEXT NOT NULL DEFAULT '',
  locked BOOLEAN NOT NULL DEFAULT FALSE,
  discoverable BOOLEAN NOT NULL DEFAULT FALSE,
  indexable BOOLEAN NOT NULL DEFAULT FALSE,
  hide_collections BOOLEAN NOT NULL DEFAULT FALSE,
  memorial BOOLEAN NOT NULL DEFAULT FALSE,
  moved_to_id BIGINT NOT NULL DEFAULT 0,
  also_known_as TEXT NOT NULL DEFAULT '[]',
  attribution_domains TEXT NOT NULL DEFAULT '[]',
  suspended_at BIGINT NOT NULL DEFAULT 0,
  silenced_at BIGINT NOT NULL DEFAULT 0,
  sensitized_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  -- Remote: when the actor was last fetched.
  fetched_at BIGINT NOT NULL DEFAULT 0,
  statuses_count BIGINT NOT NULL DEFAULT 0,
  following_count BIGINT NOT NULL DEFAULT 0,
  followers_count BIGINT NOT NULL DEFAULT 0,
  last_status_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX accounts_acct ON accounts (username_folded, domain);
CREATE UNIQUE INDEX accounts_uri ON accounts (uri);
CREATE INDEX accounts_key ON accounts (public_key_id) WHERE public_key_id <> '';
CREATE INDEX accounts_domain ON accounts (domain, id) WHERE domain <> '';
CREATE INDEX accounts_url ON accounts (url) WHERE url <> '';

-- Written by domain/access.
CREATE TABLE users (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  -- Lower case; for new addresses alone.
  email_folded TEXT NOT NULL,
  unconfirmed_email TEXT NOT NULL DEFAULT '',
  password_hash TEXT NOT NULL,
  -- 'owner', 'admin', 'moderator', 'user'.
  role TEXT NOT NULL DEFAULT 'user',
  locale TEXT NOT NULL DEFAULT '',
  time_zone TEXT NOT NULL DEFAULT '',
  -- JSON of the person's preferences, keys as in Mastodon's user settings.
  settings TEXT NOT NULL DEFAULT '{}',
  sign_up_reason TEXT NOT NULL DEFAULT '',
  sign_up_ip TEXT NOT NULL DEFAULT '',
  created_by_app_id BIGINT NOT NULL DEFAULT 0,
  confirmed_at BIGINT NOT NULL DEFAULT 0,
  confirmation_hash TEXT NOT NULL DEFAULT '',
  confirmation_sent_at BIGINT NOT NULL DEFAULT 0,
  reset_hash TEXT NOT NULL DEFAULT '',
  reset_sent_at BIGINT NOT NULL DEFAULT 0,
  approved BOOLEAN NOT NULL DEFAULT FALSE,
  disabled BOOLEAN NOT NULL DEFAULT FALSE,
  last_active_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (email_folded);
CREATE UNIQUE INDEX users_account ON users (account_id);
CREATE UNIQUE INDEX users_confirmation ON users (confirmation_hash) WHERE confirmation_hash <> '';
CREATE UNIQUE INDEX users_reset ON users (reset_hash) WHERE reset_hash <> '';
CREATE INDEX users_active ON users (last_active_at);

-- Sign-ins of browsers. The cookie's secret is kept as its SHA-256 alone.
CREATE TABLE sessions (
  id BIGINT PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  secret_hash TEXT NOT NULL,
  user_agent TEXT NOT NULL DEFAULT '',
  ip TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sessions_secret ON sessions (secret_hash);
CREATE INDEX sessions_user ON sessions (user_id, id);

CREATE TABLE oauth_applications (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  website TEXT NOT NULL DEFAULT '',
  client_id TEXT NOT NULL,
  client_secret_hash TEXT NOT NULL,
  -- JSON list.
  redirect_uris TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX oauth_applications_client ON oauth_applications (client_id);

CREATE TABLE oauth_access_grants (
  id BIGINT PRIMARY KEY,
  code_hash TEXT NOT NULL,
  application_id BIGINT NOT NULL REFERENCES oauth_applications (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  redirect_uri TEXT NOT NULL,
  scopes TEXT NOT NULL,
  code_challenge TEXT NOT NULL DEFAULT '',
  code_challenge_method TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX oauth_access_grants_code ON oauth_access_grants (code_hash);
CREATE INDEX oauth_access_grants_expires ON oauth_access_grants (expires_at);

-- user_id is 0 for a token of an application alone.
CREATE TABLE oauth_access_tokens (
  id BIGINT PRIMARY KEY,
  token_hash TEXT NOT NULL,
  application_id BIGINT NOT NULL DEFAULT 0,
  user_id BIGINT NOT NULL DEFAULT 0,
  grant_id BIGINT NOT NULL DEFAULT 0,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL DEFAULT 0,
  revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX oauth_access_tokens_token ON oauth_access_tokens (token_hash);
CREATE INDEX oauth_access_tokens_user ON oauth_access_tokens (user_id, application_id);
CREATE INDEX oauth_access_tokens_grant ON oauth_access_tokens (grant_id) WHERE grant_id <> 0;

CREATE TABLE markers (
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  timeline TEXT NOT NULL,
  last_read_id BIGINT NOT NULL,
  version BIGINT NOT NULL DEFAULT 0,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, timeline)
);

-- Written by domain/relations.
CREATE TABLE follows (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  show_reblogs BOOLEAN NOT NULL DEFAULT TRUE,
  notify BOOLEAN NOT NULL DEFAULT FALSE,
  -- JSON list of language codes, [] for all.
  languages TEXT NOT NULL DEFAULT '[]',
  uri TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX follows_pair ON follows (account_id, target_account_id);
CREATE INDEX follows_target ON follows (target_account_id, id);
CREATE INDEX follows_account ON follows (account_id, id);
CREATE INDEX follows_uri ON follows (uri) WHERE uri <> '';

CREATE TABLE follow_requests (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  show_reblogs BOOLEAN NOT NULL DEFAULT TRUE,
  notify BOOLEAN NOT NULL DEFAULT FALSE,
  languages TEXT NOT NULL DEFAULT '[]',
  uri TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX follow_requests_pair ON follow_requests (account_id, target_account_id);
CREATE INDEX follow_requests_target ON follow_requests (target_account_id, id);
CREATE INDEX follow_requests_uri ON follow_requests (uri) WHERE uri <> '';

CREATE TABLE blocks (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX blocks_pair ON blocks (account_id, target_account_id);
CREATE INDEX blocks_target ON blocks (target_account_id);
CREATE INDEX blocks_account ON blocks (account_id, id);

CREATE TABLE mutes (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  hide_notifications BOOLEAN NOT NULL DEFAULT TRUE,
  expires_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX mutes_pair ON mutes (account_id, target_account_id);
CREATE INDEX mutes_target ON mutes (target_account_id);
CREATE INDEX mutes_account ON mutes (account_id, id);

CREATE TABLE account_domain_blocks (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  domain TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_domain_blocks_pair ON account_domain_blocks (account_id, domain);

CREATE TABLE account_notes (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  comment TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, target_account_id)
);

CREATE TABLE lists (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  -- 'none', 'list', 'followed'.
  replies_policy TEXT NOT NULL DEFAULT 'list',
  exclusive BOOLEAN NOT NULL DEFAULT FALSE,
  created_at BIGINT NOT NULL
);
CREATE INDEX lists_account ON lists (account_id, id);

-- owner_id repeats the list's account, so that a feed's question needs one table.
CREATE TABLE list_accounts (
  id BIGINT PRIMARY KEY,
  list_id BIGINT NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
  owner_id BIGINT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX list_accounts_pair ON list_accounts (list_id, account_id);
CREATE INDEX list_accounts_account ON list_accounts (account_id, owner_id);

-- Written by domain/media.
CREATE TABLE custom_emojis (
  id BIGINT PRIMARY KEY,
  shortcode TEXT NOT NULL,
  domain TEXT NOT NULL DEFAULT '',
  uri TEXT NOT NULL DEFAULT '',
  image TEXT NOT NULL,
  visible_in_picker BOOLEAN NOT NULL DEFAULT TRUE,
  disabled BOOLEAN NOT NULL DEFAULT FALSE,
  category TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX custom_emojis_code ON custom_emojis (domain, shortcode);

-- Written by domain/media. status_id is 0 while unattached. kind: 'image', 'gifv', 'video', 'audio', 'unknown'.
CREATE TABLE media_attachments (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL DEFAULT 0,
  position BIGINT NOT NULL DEFAULT 0,
  kind TEXT NOT NULL,
  content_type TEXT NOT NULL DEFAULT '',
  file TEXT NOT NULL DEFAULT '',
  thumbnail TEXT NOT NULL DEFAULT '',
  remote_url TEXT NOT NULL DEFAULT '',
  thumbnail_remote_url TEXT NOT NULL DEFAULT '',
  description TEXT NOT NULL DEFAULT '',
  blurhash TEXT NOT NULL DEFAULT '',
  -- JSON as in Mastodon's meta: original, small, focus.
  meta TEXT NOT NULL DEFAULT '{}',
  -- 'queued', 'in_progress', 'complete', 'failed'.
  processing TEXT NOT NULL DEFAULT 'complete',
  file_size BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX media_attachments_status ON media_attachments (status_id) WHERE status_id <> 0;
CREATE INDEX media_attachments_unattached ON media_attachments (created_at) WHERE status_id = 0;
CREATE INDEX media_attachments_account ON media_attachments (account_id, status_id);

-- Written by domain/statuses. visibility: 0 public, 1 unlisted, 2 private, 3 direct.
CREATE TABLE conversations (
  id BIGINT PRIMARY KEY,
  uri TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX conversations_uri ON conversations (uri) WHERE uri <> '';

CREATE TABLE statuses (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  url TEXT NOT NULL DEFAULT '',
  local BOOLEAN NOT NULL,
  -- Local: what was typed. Remote: the cleaned HTML; content is what is shown, for both.
  text TEXT NOT NULL DEFAULT '',
  content TEXT NOT NULL DEFAULT '',
  spoiler_text TEXT NOT NULL DEFAULT '',
  sensitive BOOLEAN NOT NULL DEFAULT FALSE,
  visibility BIGINT NOT NULL,
  language TEXT NOT NULL DEFAULT '',
  in_reply_to_id BIGINT NOT NULL DEFAULT 0,
  in_reply_to_account_id BIGINT NOT NULL DEFAULT 0,
  -- A parent that is known by name alone, until it is fetched.
  in_reply_to_uri TEXT NOT NULL DEFAULT '',
  conversation_id BIGINT NOT NULL DEFAULT 0,
  reblog_of_id BIGINT NOT NULL DEFAULT 0,
  poll_id BIGINT NOT NULL DEFAULT 0,
  application_id BIGINT NOT NULL DEFAULT 0,
  -- JSON: custom emojis used, as shown.
  emojis TEXT NOT NULL DEFAULT '[]',
  -- Which further tables have rows of it: 1 media, 2 mentions, 4 tags.
  parts BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  edited_at BIGINT NOT NULL DEFAULT 0,
  deleted_at BIGINT NOT NULL DEFAULT 0,
  replies_count BIGINT NOT NULL DEFAULT 0,
  reblogs_count BIGINT NOT NULL DEFAULT 0,
  favourites_count BIGINT NOT NULL DEFAULT 0,
  fetched_replies_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX statuses_uri ON statuses (uri);
CREATE INDEX statuses_account ON statuses (account_id, id) WHERE deleted_at = 0;
CREATE INDEX statuses_replies ON statuses (in_reply_to_id, id) WHERE in_reply_to_id <> 0;
CREATE INDEX statuses_orphans ON statuses (in_reply_to_uri) WHERE in_reply_to_uri <> '';
CREATE UNIQUE INDEX statuses_reblogs ON statuses (reblog_of_id, account_id) WHERE reblog_of_id <> 0 AND deleted_at = 0;
CREATE INDEX statuses_public ON statuses (id) WHERE deleted_at = 0 AND visibility = 0 AND reblog_of_id = 0;
CREATE INDEX statuses_local ON statuses (id) WHERE deleted_at = 0 AND visibility = 0 AND reblog_of_id = 0 AND local;
CREATE INDEX statuses_url ON statuses (url) WHERE url <> '';
CREATE INDEX statuses_deleted ON statuses (deleted_at) WHERE deleted_at <> 0;

-- Ids of posts, boosts and likes that their authors deleted, perhaps before they came: they never come back. Only the
-- author's own word counts.
CREATE TABLE tombstones (
  uri TEXT NOT NULL,
  account_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (uri, account_id)
);

CREATE TABLE status_edits (
  id BIGINT PRIMARY KEY,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL,
  text TEXT NOT NULL,
  content TEXT NOT NULL,
  spoiler_text TEXT NOT NULL DEFAULT '',
  sensitive BOOLEAN NOT NULL DEFAULT FALSE,
  emojis TEXT NOT NULL DEFAULT '[]',
  -- JSON: the attachments and the poll's options as they were.
  media TEXT NOT NULL DEFAULT '[]',
  poll_options TEXT NOT NULL DEFAULT '[]',
  created_at BIGINT NOT NULL
);
CREATE INDEX status_edits_status ON status_edits (status_id, id);

CREATE TABLE mentions (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- Addressed without being named in the text.
  silent BOOLEAN NOT NULL DEFAULT FALSE,
  PRIMARY KEY (status_id, account_id)
);
CREATE INDEX mentions_account ON mentions (account_id, status_id);

CREATE TABLE tags (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  display_name TEXT NOT NULL DEFAULT '',
  last_status_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tags_name ON tags (name);

CREATE TABLE statuses_tags (
  tag_id BIGINT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  PRIMARY KEY (tag_id, status_id)
);
CREATE INDEX statuses_tags_status ON statuses_tags (status_id);

CREATE TABLE favourites (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  uri TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX favourites_pair ON favourites (status_id, account_id);
CREATE INDEX favourites_account ON favourites (account_id, id);

CREATE TABLE bookmarks (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX bookmarks_pair ON bookmarks (status_id, account_id);
CREATE INDEX bookmarks_account ON bookmarks (account_id, id);

CREATE TABLE status_pins (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX status_pins_pair ON status_pins (account_id, status_id);

CREATE TABLE conversation_mutes (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  conversation_id BIGINT NOT NULL,
  PRIMARY KEY (account_id, conversation_id)
);

CREATE TABLE polls (
  id BIGINT PRIMARY KEY,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL,
  -- JSON lists of equal length.
  options TEXT NOT NULL,
  tallies TEXT NOT NULL,
  multiple BOOLEAN NOT NULL DEFAULT FALSE,
  hide_totals BOOLEAN NOT NULL DEFAULT FALSE,
  votes_count BIGINT NOT NULL DEFAULT 0,
  voters_count BIGINT NOT NULL DEFAULT 0,
  expires_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX polls_status ON polls (status_id);

CREATE TABLE poll_votes (
  id BIGINT PRIMARY KEY,
  poll_id BIGINT NOT NULL REFERENCES polls (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  choice BIGINT NOT NULL,
  uri TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX poll_votes_choice ON poll_votes (poll_id, account_id, choice);

-- Idempotency-Key of POST /api/v1/statuses: the first answer is repeated for an hour.
CREATE TABLE idempotency_keys (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  key_hash TEXT NOT NULL,
  status_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, key_hash)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- Written by domain/filters. context: JSON list; action: 'warn', 'hide', 'blur'.
CREATE TABLE custom_filters (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  context TEXT NOT NULL,
  action TEXT NOT NULL DEFAULT 'warn',
  expires_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX custom_filters_account ON custom_filters (account_id, id);

CREATE TABLE custom_filter_keywords (
  id BIGINT PRIMARY KEY,
  custom_filter_id BIGINT NOT NULL REFERENCES custom_filters (id) ON DELETE CASCADE,
  keyword TEXT NOT NULL,
  whole_word BOOLEAN NOT NULL DEFAULT TRUE
);
CREATE INDEX custom_filter_keywords_filter ON custom_filter_keywords (custom_filter_id, id);

CREATE TABLE custom_filter_statuses (
  id BIGINT PRIMARY KEY,
  custom_filter_id BIGINT NOT NULL REFERENCES custom_filters (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX custom_filter_statuses_pair ON custom_filter_statuses (custom_filter_id, status_id);

-- Written by domain/feeds: who has direct messages with whom. participants: JSON list of account ids, sorted, without the owner.
CREATE TABLE account_conversations (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  conversation_id BIGINT NOT NULL,
  participants TEXT NOT NULL,
  last_status_id BIGINT NOT NULL,
  unread BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE UNIQUE INDEX account_conversations_key ON account_conversations (account_id, conversation_id, participants);
CREATE INDEX account_conversations_last ON account_conversations (account_id, last_status_id);

-- Written by domain/notifications. subject makes the natural key: the id of what the notice is about (status, follow, …).
CREATE TABLE notifications (
  id BIGINT PRIMARY KEY,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  from_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL DEFAULT 0,
  subject BIGINT NOT NULL,
  group_key TEXT NOT NULL DEFAULT '',
  filtered BOOLEAN NOT NULL DEFAULT FALSE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notifications_key ON notifications (account_id, type, from_account_id, subject);
CREATE INDEX notifications_account ON notifications (account_id, id);
CREATE INDEX notifications_status ON notifications (status_id) WHERE status_id <> 0;
CREATE INDEX notifications_from ON notifications (from_account_id);

-- Durable work. Written by kit/jobs. state: 0 waiting, 1 running, 2 dead.
CREATE TABLE jobs (
  id BIGINT PRIMARY KEY,
  queue TEXT NOT NULL,
  kind TEXT NOT NULL,
  args TEXT NOT NULL,
  -- Jobs of one lane (a host, a status) may be limited or ordered together; '' for none.
  lane TEXT NOT NULL DEFAULT '',
  -- Only one waiting or running job of a kind has a key; '' for none.
  unique_key TEXT NOT NULL DEFAULT '',
  state BIGINT NOT NULL DEFAULT 0,
  run_at BIGINT NOT NULL,
  attempt BIGINT NOT NULL DEFAULT 0,
  worker BIGINT NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE INDEX jobs_waiting ON jobs (queue, run_at, id) WHERE state = 0;
CREATE INDEX jobs_running ON jobs (worker) WHERE state = 1;
CREATE INDEX jobs_dead ON jobs (id) WHERE state = 2;
CREATE UNIQUE INDEX jobs_unique ON jobs (kind, unique_key) WHERE unique_key <> '' AND state <> 2;

-- Processes of this Gomph, with a heartbeat. slot (0…255) makes their ids distinct.
CREATE TABLE processes (
  id BIGINT PRIMARY KEY,
  slot BIGINT NOT NULL,
  host TEXT NOT NULL,
  pid BIGINT NOT NULL,
  roles TEXT NOT NULL,
  version TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX processes_slot ON processes (slot);

-- Who may run the scheduled work now, and when each piece ran last.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  process_id BIGINT NOT NULL,
  token BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE TABLE scheduled_runs (
  name TEXT PRIMARY KEY,
  last_run_at BIGINT NOT NULL,
  next_run_at BIGINT NOT NULL
);
