-- The words of posts that somebody may find by them. Written by domain/search.
CREATE TABLE status_texts (
  status_id BIGINT PRIMARY KEY REFERENCES statuses (id) ON DELETE CASCADE,
  words TSVECTOR NOT NULL
);
CREATE INDEX status_texts_words ON status_texts USING gin (words);

-- How far the posts that were there before are entered: all from cursor_id up to top_id are, and above top_id whatever was written since.
CREATE TABLE search_progress (
  id BIGINT PRIMARY KEY,
  top_id BIGINT NOT NULL,
  cursor_id BIGINT NOT NULL,
  done BOOLEAN NOT NULL DEFAULT FALSE,
  updated_at BIGINT NOT NULL
);
