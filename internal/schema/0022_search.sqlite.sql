-- The words of posts that somebody may find by them, by the post's number. Written by domain/search.
CREATE VIRTUAL TABLE status_texts USING fts5 (words, content = '', contentless_delete = 1, tokenize = 'ascii');

-- How far the posts that were there before are entered: all from cursor_id up to top_id are, and above top_id whatever was written since.
CREATE TABLE search_progress (
  id BIGINT PRIMARY KEY,
  top_id BIGINT NOT NULL,
  cursor_id BIGINT NOT NULL,
  done BOOLEAN NOT NULL DEFAULT FALSE,
  updated_at BIGINT NOT NULL
);
