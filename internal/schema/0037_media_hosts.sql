-- Written by domain/media. Since when an admin wants pages to show files from the origin (gomph media switch); 0 for not.
ALTER TABLE media_origins ADD COLUMN announced_at BIGINT NOT NULL DEFAULT 0;

-- Written by domain/media. That addresses of files begin otherwise than the settings of the processes say. The newest counts.
CREATE TABLE media_switches (
  id BIGINT PRIMARY KEY,
  created_at BIGINT NOT NULL,
  -- How addresses begin from then on, and how they began before; without a slash at the end.
  root TEXT NOT NULL,
  instead_of TEXT NOT NULL
);
