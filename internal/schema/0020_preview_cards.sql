-- Previews of links, one for each page. Written by domain/links.
CREATE TABLE preview_cards (
  id BIGINT PRIMARY KEY,
  -- The address that the page goes by.
  url TEXT NOT NULL,
  -- 'link', 'photo', 'video'.
  type TEXT NOT NULL DEFAULT 'link',
  article BOOLEAN NOT NULL DEFAULT FALSE,
  title TEXT NOT NULL DEFAULT '',
  description TEXT NOT NULL DEFAULT '',
  language TEXT NOT NULL DEFAULT '',
  author_name TEXT NOT NULL DEFAULT '',
  author_url TEXT NOT NULL DEFAULT '',
  -- Who wrote the page, and who is said to have written it without having named its domain; 0 for nobody known.
  author_account_id BIGINT NOT NULL DEFAULT 0,
  unverified_author_account_id BIGINT NOT NULL DEFAULT 0,
  provider_name TEXT NOT NULL DEFAULT '',
  provider_url TEXT NOT NULL DEFAULT '',
  html TEXT NOT NULL DEFAULT '',
  width BIGINT NOT NULL DEFAULT 0,
  height BIGINT NOT NULL DEFAULT 0,
  -- Where the picture is; it is not kept here.
  image TEXT NOT NULL DEFAULT '',
  image_description TEXT NOT NULL DEFAULT '',
  blurhash TEXT NOT NULL DEFAULT '',
  embed_url TEXT NOT NULL DEFAULT '',
  published_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX preview_cards_url ON preview_cards (url);
CREATE INDEX preview_cards_updated ON preview_cards (updated_at);
CREATE INDEX preview_cards_unverified ON preview_cards (unverified_author_account_id) WHERE unverified_author_account_id <> 0;

-- What addresses in posts led to. Written by domain/links. preview_card_id is 0 for those that have no preview.
CREATE TABLE preview_card_lookups (
  url TEXT PRIMARY KEY,
  preview_card_id BIGINT NOT NULL DEFAULT 0,
  -- Until when this holds, and until when somebody may be finding out.
  expires_at BIGINT NOT NULL DEFAULT 0,
  claimed_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX preview_card_lookups_expires ON preview_card_lookups (expires_at);

-- Which post shows which preview, and the link as it was posted. Written by domain/links. Bit 16 of statuses.parts says whether it counts.
CREATE TABLE preview_cards_statuses (
  status_id BIGINT PRIMARY KEY REFERENCES statuses (id) ON DELETE CASCADE,
  preview_card_id BIGINT NOT NULL REFERENCES preview_cards (id) ON DELETE CASCADE,
  url TEXT NOT NULL
);
CREATE INDEX preview_cards_statuses_card ON preview_cards_statuses (preview_card_id, status_id);
