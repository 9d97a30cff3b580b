-- Threads of other servers that are being filled, one row a conversation. Written by domain/statuses.
CREATE TABLE thread_walks (
  conversation_id BIGINT PRIMARY KEY,
  -- When somebody opened the thread, and when that was answered with all that one run may bring; 0 while it runs.
  opened_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL DEFAULT 0,
  -- When the next run begins; 0 when none is left to do.
  resumes_at BIGINT NOT NULL DEFAULT 0,
  -- Runs since it was opened, posts and pages asked for in this run, and posts that were new since it was opened.
  runs BIGINT NOT NULL DEFAULT 0,
  posts BIGINT NOT NULL DEFAULT 0,
  pages BIGINT NOT NULL DEFAULT 0,
  found BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX thread_walks_opened ON thread_walks (opened_at);

-- What a walk asks for: posts of the thread, and collections of whole threads, by their addresses.
CREATE TABLE thread_items (
  id BIGINT PRIMARY KEY,
  conversation_id BIGINT NOT NULL REFERENCES thread_walks (conversation_id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  host TEXT NOT NULL,
  -- Where the answers to it are, once that is known, and the page to go on with.
  collection TEXT NOT NULL DEFAULT '',
  page TEXT NOT NULL DEFAULT '',
  taken BIGINT NOT NULL DEFAULT 0,
  -- 0: to be asked for; 1: in the next run; 2: done; 3: it could not be had.
  state BIGINT NOT NULL DEFAULT 0,
  -- When it may be asked for again, if the thread is opened anew.
  due_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX thread_items_uri ON thread_items (conversation_id, uri);
CREATE INDEX thread_items_state ON thread_items (conversation_id, state, id);
