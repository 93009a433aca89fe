-- +goose Up
-- Up to where each reader has read, such as the reader of a realm's events.
CREATE TABLE place (
  reader TEXT PRIMARY KEY,
  at INTEGER NOT NULL -- in microseconds
) STRICT, WITHOUT ROWID;
