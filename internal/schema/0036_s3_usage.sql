-- Written by domain/media. What the S3 server with the files was asked, in sums of a day (UTC, days since 1970).
CREATE TABLE s3_usage (
  day BIGINT NOT NULL,
  -- 'write', 'read', 'delete', as S3 is billed.
  class TEXT NOT NULL,
  requests BIGINT NOT NULL,
  -- Bytes of bodies that came from the server, and that went there.
  bytes_in BIGINT NOT NULL,
  bytes_out BIGINT NOT NULL,
  PRIMARY KEY (day, class)
);

-- Written by domain/media. The origins from which pages may show files. A page that somebody opened shows only those that were allowed then.
CREATE TABLE media_origins (
  origin TEXT PRIMARY KEY,
  -- Since when it has been allowed without a break, and when it was last seen to be.
  allowed_from BIGINT NOT NULL,
  allowed_at BIGINT NOT NULL,
  -- Since when, and when last, addresses of files began with it; 0 for never.
  used_from BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
