-- +goose Up
-- Texts that the bridge can make again, in parts. A part of a version that is not the present one is to be removed.
CREATE TABLE snapshot_part (
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  part INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  content BLOB NOT NULL, -- sealed
  PRIMARY KEY (name, version, part)
) STRICT;

-- The present version of each snapshot.
CREATE TABLE snapshot (
  name TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  parts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Up to where each reader has read, such as the reader of a realm's events.
CREATE TABLE place (
  reader TEXT PRIMARY KEY,
  at INTEGER NOT NULL -- in microseconds
) STRICT, WITHOUT ROWID;
