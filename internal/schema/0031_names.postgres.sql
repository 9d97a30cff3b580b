-- The words of people's names, by whose beginnings they are found, ordered by bytes. Written by domain/accounts.
CREATE TABLE account_words (
  word TEXT COLLATE "C" NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  PRIMARY KEY (word, account_id)
);
CREATE INDEX account_words_account ON account_words (account_id, word);

-- How far the accounts that were there before have their words, in its one row.
CREATE TABLE account_words_progress (
  id BIGINT PRIMARY KEY,
  cursor_id BIGINT NOT NULL
);

-- Hashtags by the beginnings of their names.
CREATE INDEX tags_beginning ON tags (name COLLATE "C");
