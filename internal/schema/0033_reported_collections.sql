-- Which collections a report is about. Written by domain/moderation.
CREATE TABLE report_collections (
  report_id BIGINT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
  collection_id BIGINT NOT NULL,
  PRIMARY KEY (report_id, collection_id)
);
